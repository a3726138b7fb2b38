// Notes what a transaction does to accounts and storage, for the JavaScript tracer of debug_traceTransaction.
// Each note: [instruction, depth, account it runs in, up to three words of the stack, gas before, gas after (where the
// next instruction runs at the same depth)].
{
  notes: [],
  open: null,
  steps: 0,
  first: 0,
  last: 0,
  faults: 0,
  watched: {
    SSTORE: 2, BALANCE: 1, EXTCODESIZE: 1, EXTCODECOPY: 1, EXTCODEHASH: 1, CALL: 3, CALLCODE: 3, STATICCALL: 2,
    DELEGATECALL: 2, CREATE: 0, CREATE2: 0, SELFDESTRUCT: 1, REVERT: 0
  },
  step: function (log) {
    var gas = log.getGas(), depth = log.getDepth(), name = log.op.toString();
    if (this.steps === 0) this.first = gas;
    this.steps += 1;
    if (depth === 1) this.last = gas;
    if (this.open !== null) {
      if (this.open[1] === depth) this.open.push(gas);
      this.open = null;
    }
    var words = this.watched[name];
    if (words === undefined) return;
    var note = [name, depth, toHex(log.contract.getAddress())];
    for (var i = 0; i < words; i++) note.push("0x" + log.stack.peek(i).toString(16));
    note.push(gas);
    this.notes.push(note);
    this.open = note;
  },
  fault: function () { this.faults += 1; },
  result: function () {
    return { notes: this.notes, steps: this.steps, first: this.first, last: this.last, faults: this.faults };
  }
}
