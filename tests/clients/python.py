"""redis-py: its connect sequence, pools, pipelines, decoding, and every value type.

PORT says where; prints a TAP line for each check.
"""

import json
import os
import threading

import redis

PORT = int(os.environ["PORT"])
TLS_PORT = int(os.environ["TLS_PORT"])


def check(name, actual, expected=True):
    if actual == expected:
        print(f"ok - {name}")
    else:
        print(f"not ok - {name}\nexpected: {expected!r}\nactual:   {actual!r}")


def error_of(call):
    try:
        call()
    except redis.RedisError as error:
        return f"{type(error).__name__}: {error}"
    return None


def plain(client):
    check("ping", client.ping())
    check("set", client.set("k", "v"))
    check("get", client.get("k"), b"v")
    check("get nothing", client.get("nothing"), None)
    binary = bytes(range(256)) * 100
    client.set(b"bin\x00\xff", binary)
    check("binary keys and values", client.get(b"bin\x00\xff"), binary)
    check("set nx", client.set("k", "w", nx=True), None)
    check("set get", client.set("k", "w", get=True), b"v")
    client.setex("t", 100, "v")
    check("ttl", 0 < client.ttl("t") <= 100)
    check("incr", client.incr("n", 5), 5)
    check("incrbyfloat", client.incrbyfloat("n", 0.5), 5.5)
    check("mset, mget", (client.mset({"a": 1, "b": 2}), client.mget("a", "x", "b")),
          (True, [b"1", None, b"2"]))
    check("exists, delete", (client.exists("a", "b", "x"), client.delete("a", "b")), (2, 2))
    check("type", client.type("k"), b"string")
    check("rename", client.rename("k", "k2"))
    check("keys", sorted(client.keys("k*")), [b"k2"])
    for i in range(100):
        client.set(f"scan:{i}", i)
    check("scan_iter", len(list(client.scan_iter("scan:*", count=7))), 100)
    check("dbsize", client.dbsize() > 100)
    check("time", len(client.time()), 2)
    check("info", client.info()["db0"]["keys"], client.dbsize())
    check("config_get", client.config_get("maxclients"), {"maxclients": "10000"})
    check("config_set", client.config_set("timeout", 0))
    check("client_setname", (client.client_setname("py"), client.client_getname()), (True, "py"))
    check("client_list", any(one["name"] == "py" for one in client.client_list()))
    check("command", "ampt.get" in client.command())
    check("error", error_of(lambda: client.incr("k2")),
          "ResponseError: value is not an integer or out of range")
    check("unknown command", error_of(lambda: client.execute_command("NOPE")),
          "ResponseError: unknown command 'NOPE', with args beginning with: ")


def pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for i in range(10_000):
            pipe.set(f"p:{i}", i)
            pipe.get(f"p:{i}")
        replies = pipe.execute()
    check("a pipeline of 20,000", replies[1::2], [str(i).encode() for i in range(10_000)])
    with client.pipeline(transaction=False) as pipe:
        replies = pipe.set("s", "x").incr("s").get("s").execute(raise_on_error=False)
    check("an error in a pipeline leaves the rest", (replies[0], replies[2]), (True, b"x"))


def ampt(client):
    def run(*words):
        return client.execute_command(*words)

    for value in ["text", "", 12, 0.5, True, None, [1, None, {"a": []}], {"é": {"n": "😀"}}, {}]:
        run("AMPT.SET", "v", json.dumps(value), "OVERWRITE", "REMOVENULLS", "false")
        check(f"the value {value!r}", json.loads(run("AMPT.GET", "v")), value)
    check("a missing item", run("AMPT.GET", "nothing"), None)
    check("quiet", run("AMPT.SET", "u:1", '{"name":"Ann"}', "LABEL1", "red", "QUIET"), b"OK")
    item = json.loads(run("AMPT.GET", "u:1", "META"))
    check("an item", (item["key"], item["value"], item["label1"]), ("u:1", {"name": "Ann"}, "red"))
    page = json.loads(run("AMPT.GETBYLABEL", "label1", "red"))
    check("a page", page, {"items": [{"key": "u:1", "value": {"name": "Ann"}}]})
    check("a counter", json.loads(run("AMPT.ADD", "u:1", "visits", "1.5")),
          {"name": "Ann", "visits": 1.5})
    check("count", run("AMPT.COUNT", "u:*"), 1)
    check("removerange", run("AMPT.REMOVERANGE", "u:*"), 1)
    check("an error's first word", error_of(lambda: run("AMPT.SET", "x", "1", "EXISTS", "true")),
          "ResponseError: NOTFOUND Item does not exist")


def pubsub(client):
    for protocol in (2, 3):
        in_resp = f"in RESP{protocol}"
        listener = redis.Redis(host="127.0.0.1", port=PORT, decode_responses=True)
        if protocol == 3:
            try:
                listener = redis.Redis(host="127.0.0.1", port=PORT, decode_responses=True,
                                       protocol=3)
            except TypeError:  # before redis-py 5
                continue
        subscription = listener.pubsub()

        def following(count):
            return [(m["type"], m["pattern"], m["channel"], m["data"])
                    for m in (subscription.get_message(timeout=10) for _ in range(count))]

        subscription.subscribe("news", "other")
        subscription.psubscribe("n*")
        check(f"subscribe {in_resp}", following(3),
              [("subscribe", None, "news", 1), ("subscribe", None, "other", 2),
               ("psubscribe", None, "n*", 3)])
        check(f"publish {in_resp}", client.publish("news", "hello"), 2)
        check(f"messages {in_resp}", following(2),
              [("message", None, "news", "hello"), ("pmessage", "n*", "news", "hello")])
        check(f"pubsub {in_resp}",
              (sorted(client.pubsub_channels()), client.pubsub_numsub("news", "none"),
               client.pubsub_numpat()),
              ([b"news", b"other"], [(b"news", 1), (b"none", 0)], 1))
        subscription.ping("still there")
        check(f"ping {in_resp}", following(1)[0][3], "still there")
        subscription.unsubscribe("other")
        check(f"unsubscribe {in_resp}", following(1), [("unsubscribe", None, "other", 2)])
        subscription.close()
    heard = threading.Event()
    subscription = client.pubsub()
    subscription.subscribe(**{"job": lambda message: heard.set()})
    thread = subscription.run_in_thread(sleep_time=0.01, daemon=True)
    while client.publish("job", "x") == 0:
        pass
    check("a handler in a thread", heard.wait(10))
    thread.stop()
    thread.join()


def pools():
    pool = redis.BlockingConnectionPool(host="127.0.0.1", port=PORT, max_connections=4)
    client = redis.Redis(connection_pool=pool)
    client.delete("pool")
    threads = [
        threading.Thread(target=lambda: [client.incr("pool") for _ in range(200)]) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("16 threads on a pool of 4", client.get("pool"), b"3200")
    pool.disconnect()


def users_and_tls():
    staging = redis.Redis.from_url(f"redis://staging:secret@127.0.0.1:{PORT}")
    staging.set("where", "staging")
    check("a user's database", redis.Redis(host="127.0.0.1", port=PORT, db=3).get("where"),
          b"staging")
    check("who it is", staging.acl_whoami(), "staging")
    elsewhere = redis.Redis.from_url(f"redis://staging:secret@127.0.0.1:{PORT}/4")
    check("a user does not leave his database", error_of(elsewhere.ping).split(": ")[-1],
          "this user has no permissions to use another database")
    stranger = redis.Redis(host="127.0.0.1", port=PORT, username="staging", password="wrong")
    check("a wrong password", error_of(stranger.ping).split(": ")[-1],
          "WRONGPASS invalid username-password pair or user is disabled.")
    admin = redis.Redis(host="127.0.0.1", port=PORT)
    check("a user is made", admin.acl_setuser("reader", enabled=True, passwords=["+pw"],
                                              keys=["r:*"], categories=["+@read"]), True)
    rules = admin.acl_getuser("reader")
    check("and described", (rules["flags"], rules["enabled"]), (["on"], True))
    check("and deleted", admin.acl_deluser("reader"), 1)
    tls = redis.Redis(host="127.0.0.1", port=TLS_PORT, username="staging", password="secret",
                      ssl=True, ssl_ca_certs=os.environ["CA"])
    big = os.urandom(3_000_000)
    check("TLS", (tls.set("big", big), tls.get("big") == big), (True, True))
    with tls.pipeline(transaction=False) as pipe:
        for i in range(10_000):
            pipe.set(f"t:{i % 100}", i)
        check("a pipeline over TLS", pipe.execute(), [True] * 10_000)
    staging.delete("where", "big")


def main():
    print("version", redis.__version__)
    client = redis.Redis(host="127.0.0.1", port=PORT)
    plain(client)
    pipelines(client)
    ampt(client)
    pubsub(client)
    pools()
    users_and_tls()
    text = redis.Redis(host="127.0.0.1", port=PORT, db=2, decode_responses=True, client_name="text")
    text.set("ключ", "значение")
    check("decoded replies", text.get("ключ"), "значение")
    check("another database", text.dbsize(), 1)
    check("the name given when connecting", text.client_getname(), "text")
    url = redis.Redis.from_url(f"redis://127.0.0.1:{PORT}/2", decode_responses=True,
                               health_check_interval=1)
    check("by URL", url.get("ключ"), "значение")
    check("flush", (text.flushdb(), text.dbsize(), client.dbsize() > 0), (True, 0, True))


main()
