"""prometheus-redis-exporter: its pages are whole and right, and it logs no error.

PORT says where; prints a TAP line for each check.
"""

import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import redis

PROGRAM = "prometheus-redis-exporter"
PORT = int(os.environ["PORT"])
DEADLINE_S = 30


def check(name, actual, expected=True):
    if actual == expected:
        print(f"ok - {name}")
    else:
        print(f"not ok - {name}\nexpected: {expected!r}\nactual:   {actual!r}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(log):
    """The exporter and its address. Its port may be taken by somebody else meanwhile."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        address = f"127.0.0.1:{free_port()}"
        exporter = subprocess.Popen(
            [PROGRAM, "-redis.addr", f"redis://127.0.0.1:{PORT}", "-web.listen-address", address,
             "-check-keys", "db2=key:*", "-count-keys", "db2=key:*", "-export-client-list",
             "-include-system-metrics"],
            stdout=log, stderr=log)
        while exporter.poll() is None and time.monotonic() < until:
            try:
                page_of(f"http://{address}/health")
                return exporter, f"http://{address}"
            except urllib.error.URLError:
                time.sleep(0.02)
        exporter.kill()
        exporter.wait()
    raise SystemExit(f"{PROGRAM} does not start")


def page_of(url):
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        return answer.read().decode()


def samples_of(page):
    """Samples without labels by name, others by name and labels."""
    return dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))


def main():
    version = subprocess.run([PROGRAM, "-version"], capture_output=True, text=True, check=False)
    print("version", re.search(r"v?([0-9]+\.[0-9.]+[0-9])", version.stdout + version.stderr)[1])
    client = redis.Redis(host="127.0.0.1", port=PORT, db=2)
    client.mset({f"key:{i}": "x" * 100 for i in range(10)})
    client.expire("key:1", 1000)
    client.get("key:1")
    with tempfile.TemporaryFile("w+") as log:
        exporter, address = start(log)
        try:
            page = page_of(f"{address}/metrics")
            samples = samples_of(page)
            target = samples_of(page_of(f"{address}/scrape?target=redis://127.0.0.1:{PORT}"))
            other = samples_of(page_of(f"{address}/scrape?target=redis://127.0.0.1:{free_port()}"))
        finally:
            exporter.terminate()
            exporter.wait()
        log.seek(0)
        logged = log.read()

    def number(name):
        return float(samples.get(name, "nan"))

    def has(pattern):
        return any(re.fullmatch(pattern, name) for name in samples)

    check("redis_up", number("redis_up"), 1)
    check("no error of the last scrape",
          [name for name, value in samples.items()
           if name.startswith("redis_exporter_last_scrape_error") and float(value) != 0], [])
    check("which says so", has(r"redis_exporter_last_scrape_error(\{.*\})?"))
    check("keys", number('redis_db_keys{db="db2"}'), 10)
    check("keys that expire", number('redis_db_keys_expiring{db="db2"}'), 1)
    check("keys by pattern", number('redis_keys_count{db="db2",key="key:*"}'), 10)
    check("a key's size", number('redis_key_size{db="db2",key="key:7"}'), 100)
    check("calls of a command", number('redis_commands_total{cmd="mset"}') >= 1)
    check("their time", has(r'redis_commands_duration_seconds_total\{cmd="mset"\}'))
    check("clients", number("redis_connected_clients") >= 1)
    check("a client", has(r"redis_connected_clients_details\{.*\}"))
    check("settings", number("redis_config_maxclients"), 10000)
    check("memory", number("redis_memory_used_bytes") > 0)
    check("uptime", number("redis_uptime_in_seconds") >= 0)
    check("a replica's view", has(r'redis_instance_info\{.*role="master".*\}'))
    check("the slow log", number("redis_slowlog_length") >= 0)
    check("hits and misses", number("redis_keyspace_hits_total") >= 1)
    check("another address", target.get("redis_up"), "1")
    check("where nobody is", other.get("redis_up"), "0")
    errors = [line for line in logged.splitlines()
              if re.search(r"level=(error|warning|fatal)|ERR|panic", line)]
    check("it logs one error, of the address where nobody is", len(errors), 1)
    check("and no other",
          [line for line in errors if "Couldn't connect to redis instance" not in line], [])


main()
