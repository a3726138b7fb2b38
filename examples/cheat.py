"""A proposer claims a stolen balance, and is caught, disputed and slashed: python examples/cheat.py."""

from toolkit import Devnet

ETHER = 10**18

with Devnet() as devnet:
    session, grace = devnet.session, devnet.accounts["grace"]
    session.deposit("alice", 10 * ETHER)
    batch = session.transfer("alice", "bob", ETHER, wait=True).batch
    before = session.balance("grace", layer="l1")
    devnet.process("thief", "proposer", grace, cheat=f"stolen-balance:{batch}", assert_seconds=86_400.0).wait()
    devnet.access.verifier.wait_until(lambda: any(game.ended for game in session.dispute().games), "a verdict", 60)
    (game,) = session.dispute().games
    print(f"grace asserts that alice's ETH are hers after batch {batch}")
    for move in game.moves:
        print(f"  {move.said}")
    print(f"grace has lost {(before - session.balance('grace', layer='l1')) / ETHER:.2f} ETH: her bond, and gas")
