# Perl's Redis: its connect sequence, replies to callbacks, transactions, a subscriber.
# PORT says where; prints a TAP line for each check.
use strict;
use warnings;
use Redis;

my $server = "127.0.0.1:$ENV{PORT}";

sub check {
  my ($name, $actual, $expected) = @_;
  $actual //= '(undef)';
  print $actual eq $expected
    ? "ok - $name\n"
    : "not ok - $name\nexpected: $expected\nactual:   $actual\n";
}

# As text, undefined elements shown.
sub words { join ' ', map { $_ // '(undef)' } @_ }

print "version ", Redis->VERSION, "\n";
my $redis = Redis->new(server => $server, name => 'perl');
$redis->select(2);
check 'ping', $redis->ping, 'PONG';
check 'the name given when connecting', $redis->client_getname, 'perl';
check 'set', $redis->set(k => 'v'), 'OK';
check 'get', $redis->get('k'), 'v';
check 'get nothing', $redis->get('nothing'), '(undef)';
my $binary = join('', map { chr } 0 .. 255) x 100;
$redis->set("bin\x00\xff", $binary);
check 'binary keys and values', $redis->get("bin\x00\xff") eq $binary, 1;
$redis->del("bin\x00\xff");
check 'mset', $redis->mset(a => 1, b => 2), 'OK';
check 'mget', words($redis->mget('a', 'x', 'b')), '1 (undef) 2';
check 'incr', $redis->incr('n'), 1;
check 'keys', words(sort $redis->keys('*')), 'a b k n';
check 'info', $redis->info->{redis_mode}, 'standalone';
eval { $redis->incr('k') };
check 'an error', $@ =~ /ERR value is not an integer or out of range/, 1;

my $answered = 0;
$redis->set("p:$_", $_, sub { ++$answered if $_[0] eq 'OK' }) for 1 .. 5000;
$redis->wait_all_responses;
check 'a pipeline of 5,000', $answered, 5000;
my %found;
my $cursor = 0;
do {
  ($cursor, my $page) = $redis->scan($cursor, 'MATCH', 'p:*', 'COUNT', 100);
  $found{$_} = 1 for @$page;
} while $cursor;
check 'scan', scalar(keys %found), 5000;

$redis->multi;
$redis->incr('m');
$redis->incr('m');
check 'a transaction', words($redis->exec), '1 2';
my $sha = $redis->script_load('return {KEYS[1], 7}');
check 'evalsha', words($redis->evalsha($sha, 1, 'k')), 'k 7';

my $listener = Redis->new(server => $server);
my @heard;
my $note = sub { my ($message, $channel) = @_; push @heard, "$channel $message" };
$listener->subscribe('news', $note);
check 'publish', $redis->publish('news', 'hello'), 1;
$listener->wait_for_messages(10) until @heard;
check 'a message', "@heard", 'news hello';
$listener->unsubscribe('news', $note);
check 'a connection goes on after unsubscribe', $listener->ping, 'PONG';

my $staging = Redis->new(server => $server, username => 'staging', password => 'secret');
check 'a user', eval { $staging->acl('WHOAMI') } // $@, 'staging';
if ($ENV{SERVER} eq 'ampt') {
  # A method's underscore becomes a blank; a name with a dot goes through __std_cmd.
  check 'AMPT.SET', $redis->__std_cmd('AMPT.SET', 'u:1', '{"a":1}'), '{"a":1}';
  check 'AMPT.GET', $redis->__std_cmd('AMPT.GET', 'u:*'),
    '{"items":[{"key":"u:1","value":{"a":1}}]}';
}
check 'quit', $redis->quit, 1;
