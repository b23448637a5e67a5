#!/usr/bin/env bash
# redis-cli as people and scripts use it. PORT says where; prints a TAP line for each check.
set -uo pipefail

check() {
  local name=$1 expected=$2 actual=$3
  if [[ $actual == "$expected" ]]; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    printf 'expected: %s\nactual:   %s\n' "$expected" "$actual"
  fi
}

# As check, the expectation being a pattern.
check_like() {
  local name=$1 pattern=$2 actual=$3
  # shellcheck disable=SC2053
  if [[ $actual == $pattern ]]; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    printf 'expected: %s\nactual:   %s\n' "$pattern" "$actual"
  fi
}

echo "version $(redis-cli --version | cut -d ' ' -f 2)"
for protocol in 2 3; do
  cli() { redis-cli "-$protocol" -p "$PORT" "$@"; }
  in_resp="in RESP$protocol"
  cli FLUSHALL >/dev/null
  check "PING $in_resp" PONG "$(cli PING)"
  check "SET and GET $in_resp" "two words" "$(cli SET k "two words" >/dev/null; cli GET k)"
  check "an integer $in_resp" "(integer) 1" "$(cli --no-raw INCR n)"
  check "a null $in_resp" "(nil)" "$(cli --no-raw GET nothing)"
  check "an error $in_resp" "(error) ERR value is not an integer or out of range" \
    "$(cli --no-raw INCR k)"
  check "a list $in_resp" $'1) "two words"\n2) (nil)' "$(cli --no-raw MGET k nothing)"
  check "a value from standard input $in_resp" $'line\nline' \
    "$(printf 'line\nline' | cli -x SET k >/dev/null; cli GET k)"
  for value in '"text"' 12.50 true '["a",1,null]' '{"a":{"b":[]},"é":"😀"}'; do
    check "the value $value $in_resp" "$value" \
      "$(cli AMPT.SET v "$value" OVERWRITE QUIET >/dev/null; cli AMPT.GET v)"
  done
  check "a null value $in_resp" null "$(cli AMPT.SET v null OVERWRITE REMOVENULLS no)"
  check "a page $in_resp" '{"items":[{"key":"ns:a","value":1},{"key":"ns:b","value":2}]}' \
    "$(cli AMPT.MSET 2 ns:a '{"value":1}' ns:b '{"value":2}' QUIET >/dev/null; cli AMPT.GET 'ns:*')"
  check "a script of commands $in_resp" $'OK\n1\n2' \
    "$(printf 'SET s 0\nINCR s\nINCR s\n' | cli)"
  check "another database $in_resp" 1 "$(cli -n 3 SET x 1 >/dev/null; cli -n 3 EXISTS x)"
  check_like "CONFIG GET $in_resp" "maxclients*10000" "$(cli CONFIG GET maxclients)"
  check_like "INFO $in_resp" "# Server*redis_version:*# Keyspace*db0:keys=*" "$(cli INFO)"
  check_like "CLIENT LIST $in_resp" "id=*addr=*cmd=client*" "$(cli CLIENT LIST)"
done

cli() { redis-cli -p "$PORT" "$@"; }
cli FLUSHALL >/dev/null
for i in {1..250}; do printf 'SET key:%d value-%d\n' "$i" "$i"; done | cli >/dev/null
check "--scan finds every key once" "$(printf 'key:%d\n' {1..250} | sort)" "$(cli --scan | sort)"
check "--scan --pattern" "$(printf 'key:%d\n' 7 {70..79} | sort)" \
  "$(cli --scan --pattern 'key:7?' | cat - <(echo key:7) | sort)"
cli SET big "$(printf '%01000d' 0)" >/dev/null
cli AMPT.SET object '{"a":1,"b":2}' QUIET >/dev/null
check_like "--bigkeys" '*Sampled 252 keys in the keyspace*' "$(cli --bigkeys)"
check_like "--bigkeys finds the biggest string" '*Biggest string found*with 1000 bytes*' \
  "$(cli --bigkeys)"
check_like "--memkeys" '*Sampled 252 keys in the keyspace*' "$(cli --memkeys)"
mass_insertion() {
  local i
  for i in {1..5000}; do
    # shellcheck disable=SC2016
    printf '*3\r\n$3\r\nSET\r\n$%d\r\npipe:%d\r\n$1\r\nx\r\n' $((5 + ${#i})) "$i"
  done
}
check_like "--pipe" "*errors: 0, replies: 5000" "$(mass_insertion | cli --pipe 2>&1)"
check "what --pipe sent is there" 5000 "$(cli AMPT.COUNT 'pipe:*')"
check_like "--pipe counts errors" "*errors: 1, replies: 2" \
  "$(printf 'GET k\r\nNOTACOMMAND\r\n' | cli --pipe 2>&1)"
# --stat and --latency run until they are ended: a pipe that closes after what was asked for does it.
first_lines() { head -n "$1" | tail -n 1; }
check_like "--stat" "5252*" "$(cli -i 0.01 --stat 2>/dev/null | first_lines 3)"
check_like "--latency" "*[0-9]*" "$(timeout 2 redis-cli -p "$PORT" --raw --latency 2>/dev/null </dev/null)"
check_like "hints: COMMAND DOCS" "*summary*" "$(cli COMMAND DOCS GET)"
check_like "help of an AMPT command" "*AMPT.GETBYLABEL*expression*" "$(cli help AMPT.GETBYLABEL)"
# What is published before it listens has no receiver. The subscriber ends as it writes to a pipe
# that is closed: with what is published next.
publish_until_heard() {
  until [[ $(cli PUBLISH "$1" "$2") == 1 ]]; do :; done
  until [[ $(cli PUBLISH "$1" "$2") == 0 ]]; do :; done
}
for protocol in 2 3; do
  publish_until_heard news hello &
  check "SUBSCRIBE in RESP$protocol" $'subscribe\nnews\n1\nmessage\nnews\nhello' \
    "$(timeout 20 redis-cli "-$protocol" -p "$PORT" SUBSCRIBE news </dev/null | head -n 6)"
  wait
done
check "TLS" PONG "$(timeout 20 redis-cli --tls --cacert "$CA" -p "$TLS_PORT" PING </dev/null)"
check "a user by URL" staging \
  "$(timeout 20 redis-cli --no-auth-warning -u "redis://staging:secret@127.0.0.1:$PORT" ACL WHOAMI </dev/null)"
check "a user's database" "NOPERM this user has no permissions to use another database" \
  "$(timeout 20 redis-cli --no-auth-warning -p "$PORT" --user staging --pass secret SELECT 1 </dev/null | sed '/^$/d')"
check "-r repeats" $'1\n2\n3' "$(cli -r 3 INCR repeated)"
