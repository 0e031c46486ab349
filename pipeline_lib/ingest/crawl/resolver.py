"""Names to addresses, of which only those come through that may be connected to (addresses.py).

The reactor asks this for each connection that it makes, also for hosts that are addresses already, and connects to what
it gets: so what is connected to is what was looked at, whatever a name says the next time it is asked.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from pipeline_lib.base.hosts import canonical_host
from pipeline_lib.ingest.crawl.addresses import Exempt, is_public

ALLOW_PRIVATE = "NIGHTSHIFT_ALLOW_PRIVATE"  # the setting of Scrapy that hands over the exempt hosts
refused_hosts: set[str] = set()  # those of which no address came through, the last time they were asked for


@implementer(IResolutionReceiver)
class _Filter:
    """Passes on what may be connected to."""

    def __init__(self, receiver: Any, host: str, is_exempt: bool) -> None:
        self._receiver, self._host, self._is_exempt = receiver, host, is_exempt
        self._num_passed = self._num_refused = 0

    def resolutionBegan(self, resolution: IHostResolution) -> None:  # the interface names it
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:
        if self._is_exempt or is_public(str(getattr(address, "host", ""))):
            self._num_passed += 1
            self._receiver.addressResolved(address)
        else:
            self._num_refused += 1

    def resolutionComplete(self) -> None:
        name = canonical_host(self._host) or self._host
        refused_hosts.discard(name)
        if self._num_refused and not self._num_passed:
            refused_hosts.add(name)
        self._receiver.resolutionComplete()


@implementer(IHostnameResolver)
class PublicResolver:
    """The resolver of the reactor, behind a filter."""

    def __init__(self, reactor: Any, exempt: Exempt) -> None:
        self._reactor, self._exempt, self._inner = reactor, exempt, reactor.nameResolver

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> "PublicResolver":
        """How Scrapy makes it."""
        return cls(reactor, Exempt(crawler.settings.getlist(ALLOW_PRIVATE)))

    def install_on_reactor(self) -> None:
        """How Scrapy puts it in place."""
        self._reactor.installNameResolver(self)

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Resolve a name. Without an address that may be connected to it is one that nobody knows."""
        receiver = _Filter(resolutionReceiver, hostName, self._exempt.has(hostName, portNumber))
        found: IHostResolution = self._inner.resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )
        return found
