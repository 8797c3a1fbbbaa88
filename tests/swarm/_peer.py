# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client, in a process of its own: it serves or fetches a torrent until its standard input is closed.

What happens is written to standard output, one JSON object a line, each with ``event``:
``announced`` (``peers``: how many the tracker named), ``refused`` (``reason``), ``complete``, ``failed`` (``reason``).
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import select
import sys
from collections.abc import Iterator
from typing import Any

import libtorrent

# Whatever could introduce two clients, or make this one reachable from elsewhere, except a tracker.
_ONLY_THE_TRACKER = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # Both clients have one address. They differ by their port.
    "allow_multiple_connections_per_ip": True,
    # What the announces say of us is what the tracker sees.
    "anonymous_mode": False,
    # Seconds that a client which leaves waits for the tracker to hear it.
    "stop_tracker_timeout": 2,
    "tracker_completion_timeout": 10,
    "tracker_receive_timeout": 5,
    # Trackers on addresses that are no public ones are what this is for.
    "ssrf_mitigation": False,
    "alert_mask": libtorrent.alert.category_t.tracker_notification
    | libtorrent.alert.category_t.status_notification
    | libtorrent.alert.category_t.error_notification,
}


def main() -> int:
    """Run one client; 0 when it was told to end, 1 when it failed by itself."""
    parser = argparse.ArgumentParser(description="One BitTorrent client.")
    parser.add_argument("--torrent", required=True, help="the torrent file")
    parser.add_argument("--directory", required=True, help="where its file lies, or is to lie")
    parser.add_argument("--address", required=True, help="local address to use for everything")
    options = parser.parse_args()

    address = ipaddress.ip_address(options.address)
    interface = f"[{address}]:0" if address.version == 6 else f"{address}:0"
    settings: Any = {**_ONLY_THE_TRACKER, "listen_interfaces": interface, "outgoing_interfaces": str(address)}
    # 0: the plugins that a session has by default include peer exchange.
    session = libtorrent.session(settings, flags=0)
    parameters = libtorrent.load_torrent_file(options.torrent)
    parameters.save_path = options.directory
    handle = session.add_torrent(parameters)
    for event in _events(session, handle):
        print(json.dumps(event), flush=True)
        if event["event"] == "failed":
            return 1
    return 0


def _events(session: Any, handle: Any) -> Iterator[dict[str, Any]]:
    """Yield what happens until standard input is closed."""
    complete = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            if isinstance(alert, libtorrent.tracker_reply_alert):
                yield {"event": "announced", "peers": alert.num_peers}
            elif isinstance(alert, libtorrent.tracker_error_alert):
                yield {"event": "refused", "reason": alert.message()}
            elif isinstance(alert, libtorrent.listen_failed_alert | libtorrent.torrent_error_alert):
                yield {"event": "failed", "reason": alert.message()}
        if not complete and handle.status().is_seeding:
            complete = True
            yield {"event": "complete"}


if __name__ == "__main__":
    sys.exit(main())
