#!/usr/bin/env python3
"""Checks docs/schema: every --json output is as its schema says, and the schemas leave nothing out.

usage: schema.py PROGRAM [ACCESS]   needs jsonschema (tests/peers/venv.sh schema)

PROGRAM is clattn, ACCESS clattn-access. Each output is also changed, a field more or a field less in each of its
objects, and must then be refused: a field that no schema describes cannot pass.
"""
import copy
import json
import os
import pathlib
import subprocess
import sys

import jsonschema
import referencing

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs/schema"
SMALL = "--model-dim 32 --heads 2"
# The commands of each schema, which together have an entry in each list.
RUNS = {
    "run": ["run",
            f"run --random --tokens 5 {SMALL} --cache-capacity 9 --past-tokens 3 --output-dim 3 --rotary halves "
            "--rotary-scaling linear:factor=2 --explain-plan",
            f"run --random --tokens 5 --key-tokens 4 {SMALL} --kv-model-dim 8 --type f16 --pipeline fused --check off"],
    "compare": [f"compare --tokens 32 {SMALL} --repeat 1 --sweep"],
    "ladder": [f"ladder softmax --tokens 33 {SMALL}"],
    "access": ["softmax=1 scores=tiled project=2 --tokens 4 --key-tokens 4"],
}


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def parts_of(schema, where):
    """Every schema within one, with its path."""
    yield schema, where
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            for name, part in value.items():
                yield from parts_of(part, f"{where}/{name}")
        elif key == "items":
            yield from parts_of(value, where + "/items")
        elif key == "anyOf":
            for part in value:
                yield from parts_of(part, where + "/anyOf")


def gaps_in(name, schema):
    """What is not described, or would let undescribed fields pass."""
    jsonschema.Draft202012Validator.check_schema(schema)
    for part, where in parts_of(schema, name):
        for field, what in part.get("properties", {}).items():
            if not what.get("description"):
                yield f"{where}/{field} has no description"
        if "properties" in part and (part.get("additionalProperties") is not False
                                     or part.get("required") != list(part["properties"])):
            yield f"{where} does not require exactly its fields"
        if part.get("type") == "object" and "properties" not in part:
            yield f"{where} is an object without fields"


def objects_of(value):
    """Every object within an output."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_of(part)


def passes_changed(validator, output):
    """Of each kind of object one with a field more and one without each of its fields; those that still pass."""
    seen = set()
    for number, found in enumerate(objects_of(output)):
        if tuple(found) in seen:
            continue
        seen.add(tuple(found))
        for field in [None, *found]:
            changed = copy.deepcopy(output)
            target = list(objects_of(changed))[number]
            if field is None:
                target["undescribed"] = 1
            else:
                del target[field]
            if validator.is_valid(changed):
                yield f"{field or 'one more'} in an object of {', '.join(found)}"


def output_of(program, arguments):
    environment = {**os.environ, "CLATTN_TUNING_FILE": ""}
    done = subprocess.run([program, *arguments.split(), "--json"], env=environment, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def main():
    failed = 0

    def judge(name, complaints):
        nonlocal failed
        complaints = list(complaints)
        failed += bool(complaints)
        print("FAIL" if complaints else "ok  ", name, *complaints, sep="\n       " if complaints else " ")

    common = load("common")
    registry = referencing.Registry().with_resource("common.json", referencing.Resource.from_contents(common))
    judge("common", gaps_in("common", common))
    judge("a schema for each command", sorted({path.stem for path in FOLDER.glob("*.json")} ^ {"common", *RUNS}))
    for name, commands in RUNS.items():
        program = sys.argv[2 if name == "access" else 1] if name != "access" or len(sys.argv) > 2 else None
        schema = load(name)
        judge(name, gaps_in(name, schema))
        validator = jsonschema.Draft202012Validator(schema, registry=registry)
        for command in commands if program else ():
            try:
                output = output_of(program, command)
            except (AssertionError, json.JSONDecodeError) as error:
                judge(f"{name}: {command}", [str(error)])
                continue
            wrong = (f"{fault.json_path}: {fault.message[:300]}" for fault in validator.iter_errors(output))
            judge(f"{name}: {command}", wrong)
            judge(f"{name}: {command}, with a field more or less", passes_changed(validator, output))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
