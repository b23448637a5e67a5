<?php
// Laravel's cache, locks, rate limiter and funnel, over phpredis: what they ask of a server are
// strings with deadlines, transactions and Lua scripts. (Tags and Redis::throttle() need sets and
// hashes.) PORT says where; prints a TAP line for each check.

use Illuminate\Cache\RateLimiter;
use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Contracts\Redis\LimiterTimeoutException;
use Illuminate\Redis\RedisManager;

require_once 'Illuminate/Cache/autoload.php';
require_once 'Illuminate/Redis/autoload.php';

function check(string $name, $actual, $expected = true): void
{
    if ($actual === $expected) {
        echo "ok - $name\n";
    } else {
        echo "not ok - $name\nexpected: ", json_encode($expected), "\nactual:   ",
            json_encode($actual), "\n";
    }
}

function cache(Repository $cache): void
{
    check('put', $cache->put('k', ['a' => [1, null]], 100));
    check('get', $cache->get('k'), ['a' => [1, null]]);
    check('get nothing', $cache->get('nothing', 'instead'), 'instead');
    check('add', [$cache->add('once', 1, 100), $cache->add('once', 2, 100), $cache->get('once')],
        [true, false, '1']);
    check('putMany', $cache->putMany(['m1' => 1, 'm2' => 'two'], 100));
    check('many', $cache->many(['m1', 'none', 'm2']), ['m1' => '1', 'none' => null, 'm2' => 'two']);
    check('increment', [$cache->increment('n', 5), $cache->decrement('n')], [5, 4]);
    check('forever', [$cache->forever('f', 1.5), $cache->get('f')], [true, '1.5']);
    $calls = 0;
    $make = function () use (&$calls) {
        return ++$calls;
    };
    check('remember', [$cache->remember('r', 100, $make), (int)$cache->remember('r', 100, $make)],
        [1, 1]);
    check('pull', [$cache->pull('k'), $cache->has('k')], [['a' => [1, null]], false]);
    check('forget', [$cache->forget('f'), $cache->forget('f')], [true, false]);
    check('flush', [$cache->flush(), $cache->get('n')], [true, null]);
}

function locks(RedisStore $store): void
{
    $lock = $store->lock('job', 60);
    check('a lock', $lock->get());
    check('is held', $store->lock('job', 60)->get(), false);
    check('a stranger does not release it', $store->lock('job', 60)->release(), false);
    check('it is held still', $store->lock('job', 60)->get(), false);
    check('by its owner it is restored', $store->restoreLock('job', $lock->owner())->release());
    check('and is free', $store->lock('job', 60)->get());
    $store->lock('job')->forceRelease();
    check('force', $store->lock('job', 60)->block(1, fn() => 'done'), 'done');
    check('a lock without an end', [$store->lock('job')->get(), $store->lock('job')->get()],
        [true, false]);
}

function limits(Repository $cache, RedisManager $redis): void
{
    $limiter = new RateLimiter($cache);
    $hits = [];
    for ($i = 0; $i < 3; ++$i) {
        $hits[] = $limiter->hit('ann', 60);
    }
    check('hits', $hits, [1, 2, 3]);
    check('too many', [$limiter->tooManyAttempts('ann', 4), $limiter->tooManyAttempts('ann', 3)],
        [false, true]);
    check('left', $limiter->remaining('ann', 4), 1);
    $seconds = $limiter->availableIn('ann');
    check('available', $seconds > 0 && $seconds <= 60);
    $limiter->clear('ann');
    check('clear', $limiter->attempts('ann'), 0);

    $funnel = fn() => $redis->connection()->funnel('gate')->limit(2)->releaseAfter(60)->block(0);
    $refused = null;
    $inner = null;
    $funnel()->then(function () use ($funnel, &$inner, &$refused) {
        $inner = $funnel()->then(function () use ($funnel, &$refused) {
            try {
                $funnel()->then(fn() => null);
            } catch (LimiterTimeoutException $error) {
                $refused = true;
            }
            return 'second';
        });
    });
    check('a funnel lets two in', $inner, 'second');
    check('and no third', $refused);
    check('until one leaves', $funnel()->then(fn() => 'in'), 'in');
}

echo 'version ', exec("dpkg-query -W -f '\${source:Upstream-Version}' php-illuminate-cache"), "\n";
$redis = new RedisManager(null, 'phpredis', [
    'options' => ['prefix' => 'app:'],
    'default' => ['host' => '127.0.0.1', 'port' => (int)getenv('PORT'), 'database' => 6],
]);
$store = new RedisStore($redis, 'cache:');
cache(new Repository($store));
locks($store);
limits(new Repository($store), $redis);
$keys = $redis->connection()->keys('*');
check('keys have both prefixes', $keys !== [] && array_filter($keys, fn($key) =>
    strpos($key, 'app:') !== 0) === []);
