"""django-redis as Django's cache and under Django's sessions: two ways of writing values, a user.

PORT says where; prints a TAP line for each check.
"""

import os

import django
import django_redis
from django.conf import settings

URL = f"127.0.0.1:{os.environ['PORT']}"
BACKEND = "django_redis.cache.RedisCache"

settings.configure(
    CACHES={
        "default": {"BACKEND": BACKEND, "LOCATION": f"redis://{URL}/6"},
        "json": {"BACKEND": BACKEND, "LOCATION": f"redis://{URL}/7", "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}},
        "user": {"BACKEND": BACKEND, "LOCATION": f"redis://staging:secret@{URL}/3"},
    },
    INSTALLED_APPS=["django.contrib.sessions"],
    SECRET_KEY="x",
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
)
django.setup()

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402, after setup()
from django.core.cache import caches  # noqa: E402


def check(name, actual, expected=True):
    if actual == expected:
        print(f"ok - {name}")
    else:
        print(f"not ok - {name}\nexpected: {expected!r}\nactual:   {actual!r}")


def error_of(call):
    try:
        call()
    except Exception as error:  # pylint: disable=broad-except
        return type(error).__name__
    return None


def cached(name):
    cache = caches[name]

    def check_of(what, actual, expected=True):
        check(f"{name}: {what}", actual, expected)

    check_of("set", cache.set("k", {"a": [1, 2]}, 60))
    check_of("get", cache.get("k"), {"a": [1, 2]})
    check_of("get nothing", cache.get("nothing", "instead"), "instead")
    check_of("ttl", 0 < cache.ttl("k") <= 60)
    check_of("add", (cache.add("k", 1), cache.add("k2", 1)), (False, True))
    check_of("incr, decr", (cache.incr("k2", 4), cache.decr("k2")), (5, 4))
    check_of("incr of nothing", error_of(lambda: cache.incr("nothing")), "ValueError")
    cache.set_many({"a": 1, "b": 2})
    check_of("set_many, get_many", cache.get_many(["a", "b", "x"]), {"a": 1, "b": 2})
    check_of("touch", cache.touch("k", 10))
    check_of("persist", (cache.persist("k"), cache.ttl("k")), (True, None))
    check_of("expire", (cache.expire("k", 5), cache.pttl("k") > 0), (True, True))
    check_of("keys", sorted(cache.keys("*")), ["a", "b", "k", "k2"])
    check_of("iter_keys", sorted(cache.iter_keys("*", itersize=2)), ["a", "b", "k", "k2"])
    check_of("delete_pattern", cache.delete_pattern("k*"), 2)
    check_of("delete_many", (cache.delete_many(["a", "b"]), "a" in cache), (2, False))
    check_of("get_or_set", (cache.get_or_set("g", lambda: 7, 10), cache.get("g")), (7, 7))
    cache.set("v", 1, version=1)
    check_of("incr_version", (cache.incr_version("v"), cache.get("v", version=2)), (2, 1))
    check_of("without an end", (cache.set("n", 1, None), cache.ttl("n")), (True, None))
    check_of("nx", (cache.set("n", 2, nx=True), cache.get("n")), (False, 1))
    cache.set("z", 1, 0)
    check_of("zero timeout", cache.get("z"), None)
    with cache.lock("job", timeout=60):
        check_of("a lock is held", cache.lock("job", timeout=60).acquire(blocking=False), False)
    again = cache.lock("job", timeout=60)
    check_of("and let go", again.acquire(blocking=False))
    check_of("extended", again.extend(60))
    again.release()
    check_of("a lock that was lost", error_of(again.release), "LockError")
    cache.clear()
    check_of("clear", (cache.get("g"), cache.keys("*")), (None, []))


def main():
    print("version", django_redis.__version__)
    cached("default")
    cached("json")
    user = caches["user"]
    check("a user", (user.set("u", [1], 5), user.get("u"), user.delete("u")), (True, [1], 1))
    session = SessionStore()
    session["cart"] = [1, 2]
    session.save()
    check("a session", SessionStore(session.session_key).get("cart"), [1, 2])
    session.cycle_key()
    check("under a new key", SessionStore(session.session_key).get("cart"), [1, 2])
    session.flush()
    check("and gone", caches["default"].keys("*"), [])


main()
