"""Reads lines of [yaml text, typed value] and compares what PyYAML makes of the
text, with the pure Python loader and with libyaml's when that is built in.
Writes for each line the text PyYAML itself makes of the value, as JSON."""
import json
import math
import struct
import sys

import yaml


def same(want, got):
    tag = want[0]
    if tag == "!!str":
        return type(got) is str and got == want[1]
    if tag == "!!int":
        return type(got) is int and got == int(want[1])
    if tag == "!!float":
        if type(got) is not float:
            return False
        w = float(want[1].replace(".inf", "inf").replace(".nan", "nan"))
        return math.isnan(w) and math.isnan(got) or struct.pack("d", w) == struct.pack("d", got)
    if tag == "!!bool":
        return got is (want[1] == "true")
    if tag == "!!null":
        return got is None
    if tag == "!!seq":
        return type(got) is list and len(got) == len(want) - 1 and all(map(same, want[1:], got))
    if type(got) is not dict or len(got) != len(want) - 1:
        return False
    for key, value in want[1:]:
        k = int(key[1]) if key[0] == "!!int" else key[1]
        if k not in got or not same(value, got[k]):
            return False
    return True


def untyped(v):
    tag = v[0]
    if tag == "!!seq":
        return list(map(untyped, v[1:]))
    if tag == "!!map":
        return {untyped(key): untyped(value) for key, value in v[1:]}
    if tag == "!!int":
        return int(v[1])
    if tag == "!!float":
        return float(v[1].replace(".inf", "inf").replace(".nan", "nan"))
    return {"!!str": v[1], "!!bool": v[1] == "true", "!!null": None}[tag]


loaders = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])
bad = docs = 0
for line in sys.stdin.buffer:
    text, want = json.loads(line)
    docs += 1
    for loader in loaders:
        try:
            got = yaml.load(text, Loader=loader)
            ok = same(want, got)
        except yaml.YAMLError as e:
            ok, got = False, e
        if not ok:
            bad += 1
            if bad < 4:
                print(loader.__name__, repr(text), "\nread as", repr(got), "\nwanted", want, file=sys.stderr)
    style = {"sort_keys": False, "allow_unicode": docs % 2 == 0, "width": 80 if docs % 3 else 10**6}
    dumped = yaml.safe_dump(untyped(want), **style)
    faithful = same(want, yaml.load(dumped, Loader=loaders[-1]))  # PyYAML itself loses U+0085
    print(json.dumps(dumped if faithful else None))
print(docs, "documents,", bad, "bad", file=sys.stderr)
sys.exit(1 if bad or not docs else 0)
