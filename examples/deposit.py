"""Deposit ETH from L1 to the rollup, pay some of it there, and take some of it back: python examples/deposit.py."""

from toolkit import Devnet

ETHER = 10**18

with Devnet() as devnet:
    session = devnet.session
    print("alice deposits 2.5 ETH:")
    for fact in session.deposit("alice", 5 * ETHER // 2).happened:
        print(f"  {fact}")
    session.transfer("alice", "bob", ETHER // 2, wait=True)
    print(f"on L2 alice owns {session.balance('alice') / ETHER:g} ETH, and bob {session.balance('bob') / ETHER:g} ETH")
    print("bob withdraws his, and 7 days pass:")
    for fact in session.withdraw("bob", ETHER // 2, travel=True).happened:
        print(f"  {fact}")
