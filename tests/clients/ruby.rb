# redis-rb: its connect sequence, pipelines, transactions, scripts, a subscriber in a thread.
# PORT says where; prints a TAP line for each check.
require 'redis'

PORT = ENV.fetch('PORT').to_i

def check(name, actual, expected = true)
  if actual == expected
    puts "ok - #{name}"
  else
    puts "not ok - #{name}", "expected: #{expected.inspect}", "actual:   #{actual.inspect}"
  end
end

def error_of
  yield
  nil
rescue Redis::BaseError => error
  error.message
end

def plain(redis)
  check 'ping', redis.ping, 'PONG'
  check 'the name given when connecting', redis.client(:getname), 'rb'
  check 'set', redis.set('k', 'v', ex: 100), 'OK'
  check 'get', redis.get('k'), 'v'
  check 'set nx', redis.set('k', 'w', nx: true), false
  check 'ttl', (1..100).include?(redis.ttl('k'))
  binary = (0..255).to_a.pack('C*') * 100
  redis.set("bin\x00\xff".b, binary)
  check 'binary keys and values', redis.get("bin\x00\xff".b).b, binary
  check 'mset', redis.mset('a', 1, 'b', 2), 'OK'
  check 'mget', redis.mget('a', 'x', 'b'), ['1', nil, '2']
  check 'mapped_mget', redis.mapped_mget('a', 'b'), { 'a' => '1', 'b' => '2' }
  check 'incrby', redis.incrby('n', 5), 5
  check 'incrbyfloat', redis.incrbyfloat('n', 0.5), 5.5
  check 'exists?', [redis.exists?('k'), redis.exists?('x')], [true, false]
  check 'object', redis.object('encoding', 'k'), 'embstr'
  check 'time', redis.time.size, 2
  check 'info', redis.info['redis_mode'], 'standalone'
  check 'info commandstats', redis.info('commandstats').fetch('get').key?('calls')
  check 'config get', redis.config(:get, 'databases'), { 'databases' => '16' }
  check 'client list', redis.client(:list).any? { |client| client['name'] == 'rb' }
  check 'an error', error_of { redis.incr('k') }, 'ERR value is not an integer or out of range'
end

def together(redis)
  replies = redis.pipelined do |pipe|
    5000.times { |i| pipe.set("p:#{i}", i); pipe.get("p:#{i}") }
  end
  check 'a pipeline of 10,000', replies.each_slice(2).map(&:last), (0...5000).map(&:to_s)
  check 'scan_each', redis.scan_each(match: 'p:*', count: 7).to_a.uniq.size, 5000
  check 'multi', redis.multi { |multi| multi.set('m', '1'); multi.incr('m') }, ['OK', 2]
  outcome = redis.watch('m') do
    Redis.new(port: PORT, db: 1).set('m', '9')
    redis.multi { |multi| multi.set('m', 'lost') }
  end
  check 'watch', [outcome, redis.get('m')], [nil, '9']
  check 'eval', redis.eval("return redis.call('GET', KEYS[1])", keys: ['m']), '9'
  sha = redis.script(:load, 'return ARGV')
  check 'evalsha', redis.evalsha(sha, argv: %w[a b]), %w[a b]
end

def subscriber(redis)
  heard = []
  thread = Thread.new do
    listener = Redis.new(port: PORT)
    listener.subscribe('news') do |on|
      on.message do |channel, message|
        heard << [channel, message]
        listener.unsubscribe if message == 'end'
      end
    end
    listener.ping
  end
  Thread.pass while redis.publish('news', 'hello').zero?
  redis.publish('news', 'end')
  check 'a connection goes on after subscribe', thread.value, 'PONG'
  check 'messages', heard, [%w[news hello], %w[news end]]
end

def users_and_tls
  staging = Redis.new(url: "redis://staging:secret@127.0.0.1:#{PORT}")
  check 'a user by URL', staging.call('ACL', 'WHOAMI'), 'staging'
  stranger = Redis.new(port: PORT, username: 'staging', password: 'wrong')
  check 'a wrong password', error_of { stranger.ping },
        'WRONGPASS invalid username-password pair or user is disabled.'
  tls = Redis.new(url: "rediss://127.0.0.1:#{ENV.fetch('TLS_PORT')}",
                  ssl_params: { ca_file: ENV.fetch('CA') })
  big = 'x' * 3_000_000
  check 'TLS', [tls.set('big', big), tls.get('big') == big, tls.del('big')], ['OK', true, 1]
end

puts "version #{Redis::VERSION}"
redis = Redis.new(port: PORT, db: 1, id: 'rb')
redis.call('CLIENT', 'SETNAME', 'rb')
plain(redis)
together(redis)
subscriber(redis)
users_and_tls
if ENV['SERVER'] == 'ampt'
  check 'AMPT.SET', redis.call('AMPT.SET', 'u:1', '{"a":1}', 'LABEL1', 'red'), '{"a":1}'
  check 'AMPT.GETBYLABEL', redis.call('AMPT.GETBYLABEL', 'label1', 'red'),
        '{"items":[{"key":"u:1","value":{"a":1}}]}'
end
check 'quit', redis.quit, 'OK'
