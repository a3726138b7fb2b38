"""Pay a thousand times over a payment channel, with two transactions on L1: python examples/pay.py."""

from toolkit import Devnet

ETHER = 10**18

with Devnet() as devnet:
    channels = devnet.session.channels
    opened = channels.open("alice", "bob", ETHER)
    print(f"alice {opened.said}: {opened.gas:,} gas")
    paid = channels.pay("alice", "bob", ETHER // 2000, count=1000)
    print(f"alice pays bob {paid.payments:,} times 0.0005 ETH: {paid.seconds:.2f} s, no gas")
    (channel,) = channels.list("bob")
    print(f"in the channel bob owns {channel.balance / ETHER:g} ETH, and alice {channel.theirs / ETHER:g} ETH")
    closed = channels.close("bob", "alice")
    print(f"{closed.said}: {closed.gas:,} gas")
    print(f"a payment cost {(opened.gas + closed.gas) / paid.payments:.0f} gas, and 21,000 on L1")
