<?php
// phpredis: its options, pipelines, transactions, scripts, serialisers, and PHP's own sessions with
// locking. PORT says where; prints a TAP line for each check.

// Sessions send headers: nothing may be printed before they do.
ob_start();

function check(string $name, $actual, $expected = true): void
{
    if ($actual === $expected) {
        echo "ok - $name\n";
    } else {
        echo "not ok - $name\nexpected: ", json_encode($expected), "\nactual:   ",
            json_encode($actual), "\n";
    }
}

function errorOf(callable $call): ?string
{
    try {
        $call();
    } catch (RedisException $error) {
        return $error->getMessage();
    }
    return null;
}

function connect(): Redis
{
    $redis = new Redis();
    $redis->connect('127.0.0.1', (int)getenv('PORT'));
    return $redis;
}

function plain(Redis $redis): void
{
    check('ping', $redis->ping());
    check('set', $redis->set('k', 'v', ['ex' => 100]));
    check('get', $redis->get('k'), 'v');
    check('get nothing', $redis->get('nothing'), false);
    check('set nx', $redis->set('k', 'w', ['nx']), false);
    check('ttl', $redis->ttl('k') > 0);
    $binary = implode('', array_map('chr', range(0, 255)));
    $redis->set("bin\0\xff", $binary);
    check('binary keys and values', $redis->get("bin\0\xff") === $binary);
    check('incrBy', $redis->incrBy('n', 5), 5);
    check('incrByFloat', $redis->incrByFloat('n', 0.5), 5.5);
    check('mset', $redis->mset(['a' => 1, 'b' => 2]));
    check('mget', $redis->mget(['a', 'x', 'b']), ['1', false, '2']);
    check('type', $redis->type('k'), Redis::REDIS_STRING);
    check('exists', $redis->exists('k', 'a', 'x'), 2);
    check('object', $redis->object('encoding', 'k'), 'embstr');
    check('unlink', $redis->unlink('a', 'b'), 2);
    check('expire', $redis->expire('k', 10));
    check('persist', $redis->persist('k'));
    check('rename', $redis->rename('k', 'k2'));
    check('getSet', $redis->getSet('k2', 'z'), 'v');
    check('append', $redis->append('k2', 'zz'), 3);
    check('getRange', $redis->getRange('k2', 0, 1), 'zz');
    check('setRange', $redis->setRange('k2', 1, 'a'), 3);
    check('time', count($redis->time()), 2);
    check('info', $redis->info()['redis_mode'], 'standalone');
    check('config', $redis->config('GET', 'databases'), ['databases' => '16']);
    check('client setname', [$redis->client('setname', 'php'), $redis->client('getname')],
        [true, 'php']);
    $named = array_filter($redis->client('list'), fn($client) => $client['name'] === 'php');
    check('client list', count($named), 1);
    // phpredis leaves a NUL behind the text.
    check('an error', [$redis->incr('k2'), rtrim($redis->getLastError(), "\0")],
        [false, 'ERR value is not an integer or out of range']);
    $redis->clearLastError();
}

function together(Redis $redis): void
{
    check('a transaction', $redis->multi()->set('m', 1)->incr('m')->exec(), [true, 2]);
    $redis->watch('m');
    $other = connect();
    $other->select(4);
    $other->set('m', 9);
    check('watch', [$redis->multi()->set('m', 'lost')->exec(), $redis->get('m')], [false, '9']);
    $pipeline = $redis->pipeline();
    for ($i = 0; $i < 5000; ++$i) {
        $pipeline->set("p:$i", $i)->get("p:$i");
    }
    $values = array_filter($pipeline->exec(), 'is_string');
    check('a pipeline of 10,000', array_values($values), array_map('strval', range(0, 4999)));
    $redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
    $found = [];
    $cursor = null;
    while ($keys = $redis->scan($cursor, 'p:*', 50)) {
        $found += array_flip($keys);
    }
    check('scan', count($found), 5000);
    check('eval', $redis->eval('return {KEYS[1], ARGV[1]}', ['a', 'b'], 1), ['a', 'b']);
    check('an error in a script', [$redis->eval('return nope()'), $redis->getLastError() !== null],
        [false, true]);
    $redis->clearLastError();
}

function serialisers(): void
{
    $redis = new Redis();
    $redis->pconnect('127.0.0.1', (int)getenv('PORT'), 20, 'kept');
    $redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
    check('a serialised array', [$redis->set('s', ['a' => [1, null]]), $redis->get('s')],
        [true, ['a' => [1, null]]]);
    $redis->setOption(Redis::OPT_PREFIX, 'pre:');
    $redis->set('q', 1);
    check('a prefix', connect()->exists('pre:q'), 1);
}

function usersAndTls(): void
{
    $staging = connect();
    check('a user', [$staging->auth(['staging', 'secret']), $staging->rawCommand('ACL', 'WHOAMI')],
        [true, 'staging']);
    check('a wrong password', errorOf(fn() => connect()->auth(['staging', 'wrong'])),
        'WRONGPASS invalid username-password pair or user is disabled.');
    $tls = new Redis();
    $tls->connect('tls://127.0.0.1', (int)getenv('TLS_PORT'), 20, null, 0, 20,
        ['stream' => ['cafile' => getenv('CA')]]);
    $big = str_repeat('x', 3_000_000);
    check('TLS', [$tls->set('big', $big), $tls->get('big') === $big, $tls->del('big')],
        [true, true, 1]);
}

function sessions(): void
{
    ini_set('session.save_handler', 'redis');
    ini_set('session.save_path', 'tcp://127.0.0.1:' . getenv('PORT') . '?database=5');
    ini_set('redis.session.locking_enabled', '1');
    session_id('abc');
    check('a session', session_start());
    $_SESSION['a'] = 7;
    session_write_close();
    $_SESSION = [];
    session_start();
    check('comes back', $_SESSION, ['a' => 7]);
    $redis = connect();
    $redis->select(5);
    check('is locked while it is open', $redis->keys('*_LOCK') !== []);
    session_destroy();
    check('and leaves nothing', $redis->keys('*'), []);
}

echo 'version ', phpversion('redis'), "\n";
$redis = connect();
$redis->select(4);
plain($redis);
together($redis);
serialisers();
usersAndTls();
if (getenv('SERVER') === 'ampt') {
    check('AMPT.SET', $redis->rawCommand('AMPT.SET', 'u:1', '{"a":1}'), '{"a":1}');
    check('AMPT.GET', $redis->rawCommand('AMPT.GET', 'u:*'),
        '{"items":[{"key":"u:1","value":{"a":1}}]}');
}
sessions();
