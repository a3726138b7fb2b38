// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Payout} from "contracts/lib/Payout.sol";

/// @notice An account with code: does what it is told, and receives ETH in odd ways.
contract OddParty {
    enum Manner {
        Accepts,
        Reverts,
        BurnsGas,
        ReturnsMuch,
        CallsBack
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
        if (manner == Manner.CallsBack) {
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
        CallsSender
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

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
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
