// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPaymentChannels} from "contracts/channel/IPaymentChannels.sol";
import {Locks} from "contracts/channel/Locks.sol";
import {Position, PositionLib} from "contracts/channel/Position.sol";
import {Payout} from "contracts/lib/Payout.sol";
import {Signature} from "contracts/lib/Signature.sol";

/// @notice An account with code: does what it is told, and receives ETH in odd ways.
contract OddParty {
    enum Manner {
        Accepts,
        Reverts,
        BurnsGas,
        ReturnsMuch,
        CallsBack,
        CallsBackOnce
    }

    Manner public manner;
    address private _target;
    bytes private _data;
    bool public calledBack;

    function behave(Manner manner_, address target, bytes calldata data) external {
        (manner, _target, _data) = (manner_, target, data);
    }

    function act(address target, bytes calldata data) external payable returns (bytes memory) {
        (bool done, bytes memory result) = target.call{value: msg.value}(data);
        if (!done) {
            assembly {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }

    receive() external payable {
        odd();
    }

    function odd() public {
        if (manner == Manner.Reverts) revert("no");
        if (manner == Manner.BurnsGas) while (true) {}
        if (manner == Manner.ReturnsMuch) {
            assembly {
                return(0, 100000)
            }
        }
        if (manner == Manner.CallsBack || manner == Manner.CallsBackOnce) {
            if (manner == Manner.CallsBackOnce) manner = Manner.Accepts;
            (calledBack,) = _target.call(_data);
        }
    }
}

/// @notice Pays with Payout and says how it went.
contract Payer {
    function pay(address token, address to, uint256 amount) external payable returns (bool) {
        return Payout.trySend(token, to, amount);
    }
}

/// @notice A token that moves balances in odd ways.
contract OddToken {
    enum Manner {
        Plain,
        ReturnsNothing,
        ReturnsFalse,
        TakesFee,
        Blacklists,
        BurnsGas,
        ReturnsMuch,
        CallsSender,
        CallsReceiver
    }

    Manner public manner;
    address public banned;
    mapping(address => uint256) public balanceOf;

    function behave(Manner manner_, address banned_) external {
        (manner, banned) = (manner_, banned_);
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice What a token does whose balances shrink by themselves.
    function burn(address from, uint256 amount) external {
        balanceOf[from] -= amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        bool moved = _move(msg.sender, to, amount);
        if (manner == Manner.CallsReceiver && to.code.length != 0) OddParty(payable(to)).odd();
        return moved;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        if (manner == Manner.CallsSender) OddParty(payable(from)).odd();
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        if (manner == Manner.ReturnsFalse) return false;
        if (manner == Manner.Blacklists) require(to != banned, "banned");
        if (manner == Manner.BurnsGas) while (true) {}
        balanceOf[from] -= amount;
        balanceOf[to] += manner == Manner.TakesFee ? amount - amount / 100 : amount;
        if (manner == Manner.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        if (manner == Manner.ReturnsMuch) {
            assembly {
                mstore(0, 1)
                return(0, 100000)
            }
        }
        return true;
    }
}

/// @notice An account with code that answers for signatures (ERC-1271), as it is told to.
contract OddWallet is OddParty {
    enum Answer {
        OfItsOwner,
        Refuses,
        Reverts,
        BurnsGas,
        ReturnsHalf,
        ReturnsOne,
        ReturnsTheMagicUpsideDown,
        ReturnsMuch,
        WritesFirst,
        OfItsOwnerSlowly
    }

    address public owner;
    Answer public answer;
    mapping(bytes32 digest => bool) public approved;
    uint256 private _written;

    function become(address owner_, Answer answer_) external {
        (owner, answer) = (owner_, answer_);
    }

    function approve(bytes32 digest, bool yes) external {
        approved[digest] = yes;
    }

    /// @dev Takes 65 bytes of the owner's (r, s, v), 64 of EIP-2098, or none for a digest that was approved.
    function isValidSignature(bytes32 digest, bytes calldata signature) external returns (bytes4) {
        if (answer == Answer.Refuses) return 0xffffffff;
        if (answer == Answer.Reverts) revert("no");
        if (answer == Answer.BurnsGas) while (true) {}
        if (answer == Answer.WritesFirst) _written++;
        if (answer == Answer.OfItsOwnerSlowly) {
            uint256 before = gasleft();
            while (before - gasleft() < 200_000) {}
        }
        if (answer == Answer.ReturnsHalf) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 0x1f)
            }
        }
        if (answer == Answer.ReturnsOne) {
            assembly {
                mstore(0, 1)
                return(0, 0x20)
            }
        }
        if (answer == Answer.ReturnsTheMagicUpsideDown) {
            assembly {
                mstore(0, 0x1626ba7e)
                return(0, 0x20)
            }
        }
        if (answer == Answer.ReturnsMuch) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 100000)
            }
        }
        if (signature.length == 0) return approved[digest] ? this.isValidSignature.selector : bytes4(0);
        if (signature.length == 64) {
            (bytes32 r, bytes32 vs) = abi.decode(signature, (bytes32, bytes32));
            bytes32 s = vs << 1 >> 1;
            return _is(ecrecover(digest, uint8(uint256(vs) >> 255) + 27, r, s));
        }
        if (signature.length != 65) return 0;
        bytes32 r65 = bytes32(signature[:32]);
        return _is(ecrecover(digest, uint8(signature[64]), r65, bytes32(signature[32:64])));
    }

    function _is(address recovered) private view returns (bytes4) {
        return recovered != address(0) && recovered == owner ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @notice Answers every call with what it was called with.
contract Echo {
    fallback(bytes calldata data) external returns (bytes memory) {
        return data;
    }
}

/// @notice SignatureLib, and its plain version.
contract Verifier {
    function requireBy(Signature calldata signature, address signer, bytes32 digest) external view {
        signature.requireBy(signer, digest);
    }

    function isBy(Signature calldata signature, address signer, bytes32 digest, uint256 bound)
        external
        view
        returns (bool)
    {
        return signature.isBy(signer, digest, bound);
    }

    function split(Signature calldata signature) external pure returns (uint8 v, bytes32 r, bytes32 s) {
        return signature.split();
    }

    /// @dev Of an account without code.
    function plainIsBy(Signature calldata signature, address signer, bytes32 digest)
        external
        pure
        returns (bool)
    {
        uint256 vs = uint256(signature.vs);
        uint256 s = vs & type(uint256).max >> 1;
        if (s > 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0) return false;
        address recovered = ecrecover(digest, uint8(vs >> 255) + 27, signature.r, bytes32(s));
        return recovered != address(0) && recovered == signer;
    }
}

/// @notice The libraries of the channels, function by function.
contract Probe {
    function open(uint256 units, bool isEther) external pure returns (Position) {
        return PositionLib.open(units, isEther);
    }

    function roomFor(Position position, bool forA) external pure returns (uint256) {
        return position.roomFor(forA);
    }

    function deposit(Position position, bool forA, uint256 units) external pure returns (Position) {
        return position.deposit(forA, units);
    }

    function roomForWithdrawal(Position position) external pure returns (uint256) {
        return position.roomForWithdrawal();
    }

    function withdraw(Position position, uint256 unitsA, uint256 unitsB) external pure returns (Position) {
        return position.withdraw(unitsA, unitsB);
    }

    function start(Position position, uint256 balanceA, uint48 nonce, bytes32 pending, uint256 deadline)
        external
        pure
        returns (Position)
    {
        return position.start(balanceA, nonce, pending, deadline);
    }

    function resolve(Position position, uint256 balanceA, bytes32 pending) external pure returns (Position) {
        return position.resolve(balanceA, pending);
    }

    function end(Position position, uint256 balanceA) external pure returns (Position) {
        return position.end(balanceA);
    }

    function balanceAfter(Position position, int256 net) external pure returns (uint256) {
        return position.balanceAfter(net);
    }

    function balanceAfterLocks(Position position, int256 paid) external pure returns (uint256) {
        return position.balanceAfterLocks(paid);
    }

    function fields(Position p)
        external
        pure
        returns (uint256, int256, int256, uint256, uint256, uint256, uint48, bool, bool, uint256)
    {
        return (
            p.total(),
            p.depositA(),
            p.depositB(),
            p.balanceA(),
            p.balanceB(),
            p.withdrawals(),
            p.nonce(),
            p.isEther(),
            p.hasLocks(),
            p.deadline()
        );
    }

    /// @return The root of the list in calldata, in memory, and in plain words.
    function roots(IPaymentChannels.Lock[] calldata locks)
        external
        pure
        returns (bytes32, bytes32, bytes32)
    {
        bytes memory packed;
        for (uint256 i; i < locks.length; ++i) {
            packed = bytes.concat(packed, abi.encode(locks[i]));
        }
        return (Locks.root(locks), Locks.rootOf(locks), locks.length == 0 ? bytes32(0) : keccak256(packed));
    }
}
