#!/usr/bin/env python3
"""Translates recorded calls of the JavaScript client into AMPT commands.

    tests/records/translate.py reference-records.jsonl > tests/records/records.txt

Every record becomes a block of commands with the outcome that the contract asks for, or is listed as
omitted. Where the contract differs on purpose from what was recorded, the number of its Decision
stands beside the record: the expectation is then the Decision's, not the record's. The records of
the client's own work (types of JavaScript, options that never reach the wire) are omitted under
Decisions 13, 17 and 18.

The output, a line each, a blank line between blocks:

    record ID GROUP db N at SECONDS [decision N]
    send ["WORD", …]           an argument is a string, or an array of pieces to put together, each
                               a string or {"$repeat":[unit,count]}
    expect {"value":JSON}      or "item" or "page": the JSON text of the reply; in it
                               {"$near":"DATE"} is a date at most a second away and {"$repeat":…} a
                               string
           {"null":true} {"integer":[least,most]} {"error":{"code":WORD,"text":TEXT or absent}}
    omitted ID GROUP decision N
"""

import json
import sys

DATABASES = {"main1": 0, "nulls1": 1}
NULL = {"null": True}

# Records whose outcome is the client's own work, by Decision.
OMITTED = {
    # Values that are no JSON, and reads of what the client made of them.
    61: 13, 62: 13, 63: 13, 64: 13, 65: 13, 66: 13, 67: 13, 68: 13,
    # Lists of keys or items that are no strings or objects; REMOVE of no key has no wire form.
    189: 18, 190: 13, 191: 13, 194: 13,
    # `*` as a query: a page of whatever else is in the database.
    132: 11, 829: 11,
    # Coercions of undefined and BigInt.
    662: 13, 663: 13, 684: 13, 685: 13,
    # Options that the wire's MGET does not have.
    1034: 18, 1035: 18, 1036: 18, 1043: 18,
}

# Records whose outcome a Decision changes in a way that only reading it tells.
CHANGED = {
    # A simple key and namespace:0 are two items.
    252: (1, NULL),
    253: (1, {"page": {"items": []}}),
    255: (1, {"item": ("kcol", "simple")}),
    260: (1, {"page": {"items": [("kcol:0", "ns0"), ("kcol:1", "one")]}}),
    261: (1, {"page": {"items": [{"key": "kcol:0", "value": "ns0"}, {"key": "kcol:1", "value": "one"}]}}),
    819: (1, NULL),
    1028: (1, {"page": {"items": [{"key": "bg-a", "value": "a"}]}}),
    # Numbers beyond 2^53, depth and size.
    43: (7, {"value": 9007199254740992}),
    44: (7, {"value": -9007199254740992}),
    45: (7, {"value": 10000000000000000}),
    46: (7, {"value": 1e300}),
    74: (7, "sent"),
    78: (7, "sent"),
    79: (7, "sent"),
    80: (7, "sent"),
    82: (7, {"value": {"a": {"$repeat": ["x", 307200]}, "b": {"$repeat": ["y", 204800]}}}),
    682: (7, {"value": 10000000000000000}),
    683: (7, {"value": {"a": 10000000000000000}}),
    # Numbers have no lower magnitude.
    47: (15, {"value": 5e-324}),
    48: (15, {"item": ("ty-5e-324", 5e-324)}),
    # Defaults.
    560: (8, {"value": "scalar"}),
    561: (8, {"value": "scalar"}),
    567: (8, {"value": {"a": 1, "b": 2}}),
    568: (8, {"value": {"a": 2, "b": 2}}),
    # Nulls.
    282: (9, {"value": None}),
    283: (9, {"item": ("nu-g", None)}),
    305: (9, {"page": {"items": [{"key": "e", "value": {"y": None, "q": 1}}]}}),
    # The key `*`.
    131: (11, {"error": {"code": "ERR"}}),
}

ADD_NEEDS_NUMBER = {"error": {"code": "ERR", "text": "'value' must be a number when using $add"}}

CODES = {
    "Item already exists": "EXISTS",
    "Item does not exist": "NOTFOUND",
    "The 'created' date integrity check failed. The dates must match.": "CREATED",
    "Cannot convert an existing object to a simple value.": "WRONGTYPE",
    "An operand in the update expression has an incorrect data type": "WRONGTYPE",
}


class ClientOnly(Exception):
    """The record is the client's own work, under the Decision that is the first argument."""


class Undefined:
    """JavaScript's undefined."""


UNDEFINED = Undefined()


class Repeat(str):
    """A long string that is written as what it repeats."""

    def __new__(cls, unit, count):
        text = super().__new__(cls, unit * count)
        text.unit, text.count_ = unit, count
        return text


def decode(value):
    """A JavaScript value from its encoding in a record's arguments."""
    if isinstance(value, list):
        return [decode(element) for element in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (name, content), = value.items()
        if name == "$undefined":
            return UNDEFINED
        if name == "$bigint":
            return int(content)
        if name == "$number":
            if content == "-0":
                return -0.0
            raise ClientOnly(13)
        if name == "$repeat":
            return Repeat(*content)
        if name in ("$function", "$bytes", "$map", "$set", "$date", "$concat"):
            raise ClientOnly(13)
    return {name: decode(content) for name, content in value.items()}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def without_undefined(value):
    """What of a value reaches the wire: undefined elements and attributes are left out."""
    if isinstance(value, list):
        return [without_undefined(element) for element in value if element is not UNDEFINED]
    if isinstance(value, dict):
        return {n: without_undefined(v) for n, v in value.items() if v is not UNDEFINED}
    return value


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_argument(value):
    """JSON text as an argument; in pieces where it holds a repeated string."""
    found = []

    def mark(part):
        if isinstance(part, Repeat):
            found.append(part)
            return "\uE000"
        if isinstance(part, list):
            return [mark(element) for element in part]
        if isinstance(part, dict):
            return {name: mark(content) for name, content in part.items()}
        return part

    texts = dump(mark(value)).split("\uE000")
    if not found:
        return texts[0]
    pieces = [texts[0]]
    for repeat, text in zip(found, texts[1:]):
        pieces += [{"$repeat": [repeat.unit, repeat.count_]}, text]
    return pieces


def encode_sent(value):
    """A sent value as an expectation."""
    if isinstance(value, Repeat):
        return {"$repeat": [value.unit, value.count_]}
    if isinstance(value, dict):
        return {name: encode_sent(content) for name, content in value.items()}
    return value


def encode_result(value):
    """A recorded result as an expectation."""
    if isinstance(value, list):
        return [encode_result(element) for element in value]
    if not isinstance(value, dict):
        return value
    if "$date" in value:
        return {"$near": value["$date"]}
    if "$bigint" in value:
        return int(value["$bigint"])
    if "$repeat" in value:
        return value
    return {name: encode_result(content) for name, content in value.items()}


def key_argument(key):
    if not isinstance(key, str):
        raise ClientOnly(13)
    return key


def trimmed(key):
    """A key's canonical form; Python's white space plus U+FEFF does for the keys recorded here."""
    return ":".join(part.strip(" \t\n\v\f\r\u00A0\uFEFF") for part in key.split(":"))


def label_words(options):
    words = []
    for name in ("label1", "label2", "label3", "label4", "label5"):
        if name not in options:
            continue
        label = options[name]
        word = name.upper()
        if label is None or label is UNDEFINED:
            words += [word, ""]
            continue
        if isinstance(label, list):
            word += "NX"
            label = label[0] if label else UNDEFINED
        if not isinstance(label, str):
            raise ClientOnly(13)
        if label == "":
            raise ClientOnly(17)
        words += [word, label]
    return words


class Options:
    """The options argument of set and add, as the client understands it."""

    def __init__(self, given, store):
        if given is None or given is UNDEFINED or isinstance(given, bool):
            given = {"meta": given is True}
        if not isinstance(given, dict):
            raise ClientOnly(13)
        self.given = given
        self.meta = given.get("meta") is True
        removes = given.get("removeNulls", UNDEFINED)
        self.keeps_nulls = removes is False or (store == "nulls1" and removes is not True)
        default = given.get("default", UNDEFINED)
        self.default = None if default is UNDEFINED else default

    def words(self, with_nulls):
        words = ["META"] if self.meta else []
        if self.given.get("overwrite") is True:
            words.append("OVERWRITE")
        if isinstance(self.given.get("exists"), bool):
            words += ["EXISTS", dump(self.given["exists"])]
        ttl = self.given.get("ttl", UNDEFINED)
        if ttl is None:
            words += ["TTL", ""]
        elif is_number(ttl):
            words += ["TTL", dump(ttl)]
        elif ttl is not UNDEFINED:
            raise ClientOnly(13)
        if self.default is not None:
            words += ["DEFAULT", json_argument(without_undefined(self.default))]
        if "created" in self.given:
            if not is_number(self.given["created"]):
                raise ClientOnly(13)
            words += ["CREATED", dump(self.given["created"])]
        if with_nulls and self.keeps_nulls:
            words += ["REMOVENULLS", "no"]
        return words + label_words(self.given)


def set_command(args, store):
    args = args + [UNDEFINED] * (3 - len(args))
    key, value, given = key_argument(args[0]), args[1], args[2]
    options = Options(given, store)
    unset = []
    if value is UNDEFINED:
        # "No value" is written as null, which without REMOVENULLS no is no value either.
        value, options.keeps_nulls = None, False
    elif isinstance(value, dict):
        absent = [name for name, content in value.items() if content is UNDEFINED]
        if options.keeps_nulls:
            unset = ["UNSET", str(len(absent)), *absent] if absent else []
        else:
            value = {n: None if v is UNDEFINED else v for n, v in value.items()}
    value = without_undefined(value)
    words = options.words(with_nulls=True)
    return ["AMPT.SET", key, json_argument(value), *words, *unset], options.meta


def batch_set_command(args, store):
    items, given = args[0], args[1] if len(args) > 1 else UNDEFINED
    words = []
    for item in items:
        words += [key_argument(item["key"]),
                  json_argument({n: v for n, v in item.items() if n != "key"})]
    # With nothing in the list its options are never looked at.
    options = Options(given if items else UNDEFINED, store)
    words += ["META"] if options.meta else []
    words += ["REMOVENULLS", "no"] if options.keeps_nulls else []
    return ["AMPT.MSET", str(len(items)), *words], options.meta


def get_command(args):
    key, given = args[0], args[1] if len(args) > 1 else UNDEFINED
    if given is None:
        raise ClientOnly(13)
    meta = given is True or (isinstance(given, dict) and bool(given.get("meta")))
    words = ["META"] if meta else []
    given = given if isinstance(given, dict) else {}
    if isinstance(key, list):
        if set(given) - {"meta"}:
            raise ClientOnly(18)
        return ["AMPT.MGET", str(len(key)), *map(key_argument, key), *words], meta
    if given.get("limit"):
        words += ["LIMIT", dump(given["limit"])]
    if given.get("reverse") is True:
        words.append("REVERSE")
    for name in ("start", "label"):
        if given.get(name):
            words += [name.upper(), given[name]]
    return ["AMPT.GET", key_argument(key), *words], meta


def add_command(args, store):
    key, args = key_argument(args[0]), args[1:]
    words = []
    if isinstance(args[0], str):
        words, args = [args[0]], args[1:]
    options = Options(args[1] if len(args) > 1 else UNDEFINED, store)
    return ["AMPT.ADD", key, *words, dump(args[0]), *options.words(with_nulls=False)], options.meta


def dated_item(key, value, date):
    near = {"$near": date}
    return {"key": key, "value": value, "created": near, "modified": near}


def coerces(value):
    """True where $add is given something that is no number."""
    if not isinstance(value, dict):
        return False
    places = [value] + [v for v in value.values() if isinstance(v, dict)]
    return any(set(place) == {"$add"} and not is_number(place["$add"]) for place in places)


def kind_of(command, result, meta):
    if command[0] in ("AMPT.MGET", "AMPT.MSET"):
        return "page"
    if command[0] == "AMPT.GET" and ":" in command[1] and isinstance(result, dict) and "items" in result:
        return "page"
    return "item" if meta else "value"


def expectation(record, args, command, meta):
    """What the contract asks for, and the Decision that makes it differ from the record or None."""
    number = record["id"]
    if number in CHANGED:
        decision, expected = CHANGED[number]
        if expected == "sent":
            return {"value": encode_sent(args[1])}, decision
        # The items of a changed outcome were written at the dates that the record shows.
        seen = record.get("result", {})
        seen = seen if isinstance(seen, dict) else {}
        items = seen.get("items", [seen])
        date = next((i["created"]["$date"] for i in items if "created" in i), iso(record["at"]))
        if isinstance(expected.get("item"), tuple):
            return {"item": dated_item(*expected["item"], date)}, decision
        if "page" in expected:
            page = [dated_item(*item, date) if isinstance(item, tuple) else item
                    for item in expected["page"]["items"]]
            return {"page": {"items": page}}, decision
        return expected, decision

    if command[0] == "AMPT.SET" and len(args) > 1 and coerces(args[1]):
        same = record.get("error", {}).get("message") == ADD_NEEDS_NUMBER["error"]["text"]
        return ADD_NEEDS_NUMBER, None if same else 14

    if "error" in record:
        name, text = record["error"]["name"], record["error"]["message"]
        error = {"code": CODES.get(text, "ERR")}
        if name == "ValidationException":
            return {"error": error}, 16
        return {"error": {**error, "text": text}}, None

    result = record["result"]
    if result == {"$undefined": True}:
        return NULL, None
    decision = None
    if len(args) > 1 and args[-1] is False and record["op"] in ("get", "set"):
        # A bare `false` as options means no meta (as a value it stands alone and means itself).
        bare_value = record["op"] == "set" and len(args) == 2
        if not bare_value and isinstance(result, dict):
            decision = 4
            if "items" in result:
                result = {"items": [{"key": i["key"], "value": i["value"]} for i in result["items"]]}
            elif "created" in result:
                result = result["value"]
            else:
                decision = None
    kind = kind_of(command, result, meta)
    expected = encode_result(result)
    if kind == "page" and command[0] == "AMPT.GET":
        if "lastKey" in expected:
            raise ValueError(f"record {number}: a lastKey needs a look at Decision 3")
        namespaced = [item for item in expected["items"] if ":" in item["key"]]
        if len(namespaced) < len(expected["items"]):
            expected, decision = {"items": namespaced}, 1
    elif kind == "page":
        asked = [trimmed(key) for key in (args[0] if record["op"] == "get" else [])]
        if asked:
            expected["items"].sort(key=lambda item: asked.index(item["key"]))
    return {kind: expected}, decision


def iso(seconds):
    from datetime import datetime, timezone
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def steps(record):
    """The commands of a record with their outcomes, and its Decision or None."""
    if record["id"] in OMITTED:
        raise ClientOnly(OMITTED[record["id"]])
    args, store = decode(record["args"]), record["store"]
    if record["kind"] == "fixture":
        commands = [set_command(arguments, store)[0] for arguments in args]
        return [(c, {"value": encode_sent(a[1])}) for c, a in zip(commands, args)], None
    if record["kind"] != "call":
        raise ValueError(f"record {record['id']}: a kind that is not known here")
    operation = record["op"]
    if operation == "remove":
        keys = args[0] if isinstance(args[0], list) else [args[0]]
        command = ["AMPT.REMOVE", *map(key_argument, keys)]
        if "error" in record:
            expected, decision = expectation(record, args, command, False)
            return [(command, expected)], decision
        # `false` for a list is the client's own slip; the wire counts.
        decision = None if record["result"] is True else 4
        gone = [(["AMPT.GET", key], NULL) for key in keys]
        return [(command, {"integer": [0, len(keys)]}), *gone], decision
    if operation == "set" and args and isinstance(args[0], list):
        command, meta = batch_set_command(args, store)
    elif operation == "set":
        command, meta = set_command(args, store)
    elif operation == "get":
        command, meta = get_command(args)
    elif operation == "add":
        command, meta = add_command(args, store)
    else:
        raise ValueError(f"record {record['id']}: an operation that is not known here")
    expected, decision = expectation(record, args, command, meta)
    return [(command, expected)], decision


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    records.sort(key=lambda record: record["id"])
    now = records[0]["at"]
    blocks, omitted = [], []
    for record in records:
        now = record.setdefault("at", now)
        name = f"{record['id']} {record['group']}"
        try:
            commands, decision = steps(record)
        except ClientOnly as reason:
            omitted.append(f"omitted {name} decision {reason.args[0]}")
            continue
        head = f"record {name} db {DATABASES[record['store']]} at {now}"
        lines = [head if decision is None else f"{head} decision {decision}"]
        for command, expected in commands:
            lines += [f"send {dump(command)}", f"expect {dump(expected)}"]
        blocks.append("\n".join(lines))
    blocks.append("\n".join(omitted))
    sys.stdout.reconfigure(encoding="utf-8")
    print("# Made by tests/records/translate.py, which tells the format. Do not edit.\n")
    print("\n\n".join(blocks))


if __name__ == "__main__":
    main()
