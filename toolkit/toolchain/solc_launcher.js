// The command line of native solc, served by npm's solc (the same compiler, built for WebAssembly).
//
//   node solc_launcher.js <default settings> <compiler> <arguments of solc...>
//
// It serves py-solc-x, ape, forge and slither: standard JSON and combined JSON, import paths, remappings, and the texts
// that those tools parse. --allow-paths is accepted and not enforced: only our own tools call this.
// <default settings> (JSON) complete the settings of a standard-JSON request that leaves them out: ape cannot be told to
// omit the metadata. <compiler> is the folder of npm's solc, or a native solc, which is then called.
"use strict";
const childProcess = require("child_process");
const fs = require("fs");
const path = require("path");

const WITH_VALUE = [
  "base-path", "include-path", "allow-paths", "combined-json", "evm-version", "optimize-runs", "output-dir",
  "metadata-hash", "libraries", "error-recovery", "model-checker-engine", "yul-optimizations", "color",
];
const PLAIN = [
  "help", "version", "standard-json", "optimize", "via-ir", "overwrite", "no-cbor-metadata", "metadata-literal",
  "no-color", "pretty-json", "ignore-missing", "no-import-callback",
];
const SHORT = { "-o": "output-dir", "-i": "include-path", "-h": "help" };

// combined-json's name -> standard JSON's output, and how to find it in the answer
const OUTPUTS = {
  abi: ["abi", (c) => c.abi],
  asm: ["evm.legacyAssembly", (c) => c.evm.legacyAssembly],
  ast: [null, null],
  bin: ["evm.bytecode.object", (c) => c.evm.bytecode.object],
  "bin-runtime": ["evm.deployedBytecode.object", (c) => c.evm.deployedBytecode.object],
  devdoc: ["devdoc", (c) => c.devdoc],
  "function-debug": ["evm.bytecode.functionDebugData", (c) => c.evm.bytecode.functionDebugData],
  "function-debug-runtime": ["evm.deployedBytecode.functionDebugData", (c) => c.evm.deployedBytecode.functionDebugData],
  "generated-sources": ["evm.bytecode.generatedSources", (c) => c.evm.bytecode.generatedSources],
  "generated-sources-runtime": [
    "evm.deployedBytecode.generatedSources", (c) => c.evm.deployedBytecode.generatedSources],
  hashes: ["evm.methodIdentifiers", (c) => c.evm.methodIdentifiers],
  metadata: ["metadata", (c) => c.metadata],
  opcodes: ["evm.bytecode.opcodes", (c) => c.evm.bytecode.opcodes],
  srcmap: ["evm.bytecode.sourceMap", (c) => c.evm.bytecode.sourceMap],
  "srcmap-runtime": ["evm.deployedBytecode.sourceMap", (c) => c.evm.deployedBytecode.sourceMap],
  "storage-layout": ["storageLayout", (c) => c.storageLayout],
  "transient-storage-layout": ["transientStorageLayout", (c) => c.transientStorageLayout],
  userdoc: ["userdoc", (c) => c.userdoc],
};

// Synchronously: process.stdout cuts a pipe at 64 KiB when the process exits.
function write(descriptor, text) {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(descriptor, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function fail(text) {
  write(2, text + "\n");
  process.exit(1);
}

function parse(argv) {
  const options = { "include-path": [], inputs: [], remappings: [] };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === "-" || !argument.startsWith("-")) {
      const equals = argument.indexOf("=");
      if (equals > 0) options.remappings.push(argument);
      else options.inputs.push(argument);
      continue;
    }
    const [flag, ...rest] = argument.split("=");
    const name = SHORT[flag] || flag.replace(/^--/, "");
    if (PLAIN.includes(name)) {
      options[name] = true;
    } else if (WITH_VALUE.includes(name) && (SHORT[flag] || flag.startsWith("--"))) {
      const value = rest.length ? rest.join("=") : argv[++i];
      if (value === undefined) fail(`the required argument for option '--${name}' is missing`);
      if (name === "include-path") options[name].push(value);
      else options[name] = value;
    } else {
      fail(`unrecognised option '${flag}'`);
    }
  }
  return options;
}

// Source unit names are looked up in the base path (the working folder without one), then in the include paths.
function importer(options) {
  const roots = [options["base-path"] || "", ...options["include-path"]];
  return (name) => {
    const bare = name.replace(/^file:\/\//, "");
    const found = [...new Set(roots.map((root) => path.resolve(root, bare)))].filter(
      (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
    if (found.length === 0) return { error: `File not found. Searched the following locations: ${roots.join(", ")}.` };
    if (found.length > 1) return { error: `Ambiguous import. Multiple matching files found: ${found.join(", ")}.` };
    return { contents: fs.readFileSync(found[0], "utf8") };
  };
}

// WebAssembly's solc prints the negative ids of built-in declarations as unsigned 32-bit numbers; native solc does not.
function signedIds(text) {
  if (!text.includes(":42949") && !text.includes("[42949") && !text.includes(",42949")) return text;
  const signed = (id) => (Number.isInteger(id) && id > 0xffff0000 && id <= 0xffffffff ? id - 0x100000000 : id);
  const walk = (node) => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (node === null || typeof node !== "object") return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "referencedDeclaration") node[key] = signed(value);
      else if (key === "overloadedDeclarations") node[key] = value.map(signed);
      else walk(value);
    }
  };
  const output = JSON.parse(text);
  walk(output.sources);
  return JSON.stringify(output);
}

function help() {
  const flags = [...PLAIN, ...WITH_VALUE.filter((name) => name !== "combined-json")].sort();
  write(1, [
    "solc, the Solidity commandline compiler (npm's build behind the native command line).",
    "Usage: solc [options] [input_file...]",
    ...flags.map((name) => `  --${name}`),
    `  --combined-json ${Object.keys(OUTPUTS).join(",")}`,
    "",
  ].join("\n"));
}

function optimizer(options) {
  const runs = options["optimize-runs"];
  if (runs !== undefined && !/^\d+$/.test(runs)) fail(`the argument ('${runs}') for option '--optimize-runs' is invalid`);
  return options.optimize ? { enabled: true, runs: Number(runs ?? 200) } : { enabled: false };
}

function settingsOf(options, outputs) {
  const perContract = outputs.map((name) => OUTPUTS[name][0]).filter(Boolean);
  const settings = {
    optimizer: optimizer(options),
    remappings: options.remappings,
    outputSelection: { "*": { "*": perContract.length ? perContract : ["abi"], "": ["ast"] } },
    metadata: { appendCBOR: !options["no-cbor-metadata"], useLiteralContent: !!options["metadata-literal"] },
  };
  if (options["metadata-hash"]) settings.metadata.bytecodeHash = options["metadata-hash"];
  if (options["evm-version"]) settings.evmVersion = options["evm-version"];
  if (options["via-ir"]) settings.viaIR = true;
  return settings;
}

function unitName(file, options) {
  const base = path.resolve(options["base-path"] || ".");
  const roots = [base, ...options["include-path"].map((folder) => path.resolve(folder))];
  const full = path.resolve(file);
  const root = roots.find((folder) => full.startsWith(folder + path.sep));
  return root ? path.relative(root, full) : full;
}

function commandLine(solc, options) {
  const outputs = (options["combined-json"] || "").split(",").filter(Boolean);
  const unknown = outputs.find((name) => !OUTPUTS[name]);
  if (unknown) fail(`Invalid option to --combined-json: ${unknown}`);
  if (options.inputs.length === 0) fail("No input files given. If you wish to use the standard input please specify \"-\" explicitly.");
  const sources = {};
  for (const input of options.inputs) {
    if (input === "-") sources["<stdin>"] = { content: fs.readFileSync(0, "utf8") };
    else if (fs.existsSync(input)) sources[unitName(input, options)] = { content: fs.readFileSync(input, "utf8") };
    else fail(`"${input}" is not found.`);
  }
  const request = { language: "Solidity", sources, settings: settingsOf(options, outputs) };
  const answer = JSON.parse(signedIds(solc.compile(JSON.stringify(request), { import: importer(options) })));
  const problems = answer.errors || [];
  if (problems.length) write(2, problems.map((problem) => problem.formattedMessage).join("\n") + "\n");
  if (problems.some((problem) => problem.severity === "error")) process.exit(1);
  if (outputs.length === 0) {
    write(1, "Compiler run successful. No output generated.\n");
    return;
  }
  const contracts = {};
  for (const [file, units] of Object.entries(answer.contracts || {})) {
    for (const [name, unit] of Object.entries(units)) {
      contracts[`${file}:${name}`] = Object.fromEntries(
        outputs.filter((output) => OUTPUTS[output][1]).map((output) => [output, OUTPUTS[output][1](unit)]));
    }
  }
  const combined = { contracts, sourceList: Object.keys(answer.sources), version: version(solc) };
  if (outputs.includes("ast")) {
    combined.sources = Object.fromEntries(
      Object.entries(answer.sources).map(([file, source]) => [file, { AST: source.ast, id: source.id }]));
  }
  const text = JSON.stringify(combined, null, options["pretty-json"] ? 2 : 0) + "\n";
  if (!options["output-dir"]) {
    write(1, text);
    return;
  }
  const file = path.join(options["output-dir"], "combined.json");
  if (fs.existsSync(file) && !options.overwrite) fail(`Refusing to overwrite existing file "${file}" (use --overwrite to force).`);
  fs.mkdirSync(options["output-dir"], { recursive: true });
  fs.writeFileSync(file, text);
}

function request(options, defaults) {
  const text = fs.readFileSync(options.inputs.length ? options.inputs[0] : 0, "utf8");
  if (Object.keys(defaults).length === 0) return text;
  try {
    const input = JSON.parse(text);
    input.settings = { ...defaults, ...input.settings };
    return JSON.stringify(input);
  } catch {
    return text; // not JSON: the compiler says so better
  }
}

function version(solc) {
  return solc.version().replace(".Emscripten.clang", "");
}

// Native solc with the defaults added to a standard-JSON request; everything else is passed on.
function native(compiler, argv, defaults) {
  const standard = argv.includes("--standard-json");
  const options = standard ? parse(argv) : {};
  const done = childProcess.spawnSync(compiler, standard ? argv.filter((word) => !options.inputs.includes(word)) : argv, {
    input: standard ? request(options, defaults) : undefined,
    stdio: [standard ? "pipe" : "inherit", "inherit", "inherit"],
  });
  if (done.error) fail(`${compiler} does not run: ${done.error.message}`);
  process.exit(done.status ?? 1);
}

function main(defaults, compiler, argv) {
  if (fs.statSync(compiler, { throwIfNoEntry: false })?.isFile()) native(compiler, argv, defaults);
  const options = parse(argv);
  if (options.help) return help();
  const solc = require(compiler);
  if (options.version) {
    return write(1, `solc, the solidity compiler commandline interface\nVersion: ${version(solc)}\n`);
  }
  if (!options["standard-json"]) return commandLine(solc, options);
  return write(1, signedIds(solc.compile(request(options, defaults), { import: importer(options) })) + "\n");
}

const [defaults, compiler, ...argv] = process.argv.slice(2);
main(JSON.parse(defaults), compiler, argv);
