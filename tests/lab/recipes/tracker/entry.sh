#!/bin/sh
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Test-only: does to owners, modes and the default configuration what the published image's entry script does, since
# that is what a deployment has to live with. The deployer itself starts the binary without it.

driver=$TORRUST_TRACKER_CONFIG_OVERRIDE_CORE__DATABASE__DRIVER
case $driver in
    sqlite3 | mysql) ;;
    *)
        echo "entry.sh (lab): unknown database driver: '$driver'" >&2
        exit 1
        ;;
esac

mkdir -p /var/lib/torrust/tracker/database
chown -R "$USER_ID:$USER_ID" /var/lib/torrust /var/log/torrust /etc/torrust
chmod -R 2770 /var/lib/torrust /var/log/torrust /etc/torrust

if [ ! -e "$TORRUST_TRACKER_CONFIG_TOML_PATH" ]; then
    install -m 0640 -o "$USER_ID" -g "$USER_ID" \
        "/usr/share/torrust/default/config/tracker.container.$driver.toml" "$TORRUST_TRACKER_CONFIG_TOML_PATH"
fi
if [ "$driver" = sqlite3 ] && [ ! -e /var/lib/torrust/tracker/database/sqlite3.db ]; then
    install -m 0640 -o "$USER_ID" -g "$USER_ID" /dev/null /var/lib/torrust/tracker/database/sqlite3.db
fi
exec gosu "$USER_ID:$USER_ID" "$@"
