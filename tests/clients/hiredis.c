// hiredis: binary data, every type of reply, a long pipeline, a transaction, and a subscriber.
// PORT says where; prints a TAP line for each check.
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kPipelined = 10000 };

static void Check(const char* name, int holds) {
  printf("%s - %s\n", holds ? "ok" : "not ok", name);
}

static int HasText(const redisReply* reply, int type, const char* text) {
  return reply != NULL && reply->type == type && strcmp(reply->str, text) == 0;
}

static int IsInteger(const redisReply* reply, long long value) {
  return reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == value;
}

// Of a message to a subscriber: its kind, the channel, and what it carries.
static int IsMessage(const redisReply* reply, const char* kind, const char* text) {
  return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
         HasText(reply->element[0], REDIS_REPLY_STRING, kind) &&
         HasText(reply->element[1], REDIS_REPLY_STRING, "news") &&
         HasText(reply->element[2], REDIS_REPLY_STRING, text);
}

static redisContext* Connect(void) {
  const struct timeval deadline = {20, 0};
  redisContext* context = redisConnectWithTimeout("127.0.0.1", atoi(getenv("PORT")), deadline);
  if (context == NULL || context->err != 0 || redisSetTimeout(context, deadline) != REDIS_OK) {
    printf("not ok - connect\n%s\n", context != NULL ? context->errstr : "no memory");
    exit(1);
  }
  return context;
}

static void Replies(redisContext* context) {
  redisReply* reply = redisCommand(context, "PING");
  Check("a status", HasText(reply, REDIS_REPLY_STATUS, "PONG"));
  freeReplyObject(reply);
  reply = redisCommand(context, "SET %b %b", "k\0k", (size_t)3, "v\0\r\n", (size_t)4);
  Check("a binary key and value", HasText(reply, REDIS_REPLY_STATUS, "OK"));
  freeReplyObject(reply);
  reply = redisCommand(context, "GET %b", "k\0k", (size_t)3);
  Check("come back", reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len == 4 &&
                         memcmp(reply->str, "v\0\r\n", 4) == 0);
  freeReplyObject(reply);
  reply = redisCommand(context, "GET %s", "nothing");
  Check("a null", reply != NULL && reply->type == REDIS_REPLY_NIL);
  freeReplyObject(reply);
  reply = redisCommand(context, "INCRBY %s %d", "n", 5);
  Check("an integer", IsInteger(reply, 5));
  freeReplyObject(reply);
  reply = redisCommand(context, "MGET n nothing");
  Check("an array", reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                        HasText(reply->element[0], REDIS_REPLY_STRING, "5") &&
                        reply->element[1]->type == REDIS_REPLY_NIL);
  freeReplyObject(reply);
  reply = redisCommand(context, "EVAL %s 0", "return {1, {2, 'x'}, false}");
  Check("a nested array", reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
                              reply->elements == 3 && IsInteger(reply->element[0], 1) &&
                              reply->element[1]->elements == 2 &&
                              reply->element[2]->type == REDIS_REPLY_NIL);
  freeReplyObject(reply);
  reply = redisCommand(context, "INCR");
  Check("an error",
        HasText(reply, REDIS_REPLY_ERROR, "ERR wrong number of arguments for 'incr' command"));
  freeReplyObject(reply);
}

static void Pipeline(redisContext* context) {
  for (int i = 0; i < kPipelined; ++i) redisAppendCommand(context, "INCR sum");
  int in_order = 1;
  for (int i = 0; i < kPipelined; ++i) {
    redisReply* reply = NULL;
    if (redisGetReply(context, (void**)&reply) != REDIS_OK || !IsInteger(reply, i + 1)) {
      in_order = 0;
    }
    freeReplyObject(reply);
  }
  Check("a pipeline of 10,000", in_order);
}

static void Transaction(redisContext* context) {
  freeReplyObject(redisCommand(context, "MULTI"));
  redisReply* reply = redisCommand(context, "INCR m");
  Check("a queued command", HasText(reply, REDIS_REPLY_STATUS, "QUEUED"));
  freeReplyObject(reply);
  reply = redisCommand(context, "EXEC");
  Check("a transaction", reply != NULL && reply->elements == 1 && IsInteger(reply->element[0], 1));
  freeReplyObject(reply);
}

static void Subscriber(redisContext* context) {
  redisContext* listener = Connect();
  redisReply* reply = redisCommand(listener, "SUBSCRIBE news other");
  Check("a subscription", reply != NULL && reply->elements == 3 && IsInteger(reply->element[2], 1));
  freeReplyObject(reply);
  reply = NULL;
  redisGetReply(listener, (void**)&reply);
  Check("a second one", reply != NULL && reply->elements == 3 && IsInteger(reply->element[2], 2));
  freeReplyObject(reply);
  reply = redisCommand(context, "PUBLISH news hello");
  Check("a message has a receiver", IsInteger(reply, 1));
  freeReplyObject(reply);
  reply = NULL;
  redisGetReply(listener, (void**)&reply);
  Check("and comes", IsMessage(reply, "message", "hello"));
  freeReplyObject(reply);
  redisFree(listener);
}

static void Blob(redisContext* context) {
  const size_t size = 3000000;
  char* blob = malloc(size);
  for (size_t i = 0; i < size; ++i) blob[i] = (char)(i * 31);
  redisReply* reply = redisCommand(context, "SET blob %b", blob, size);
  Check("3 MB", HasText(reply, REDIS_REPLY_STATUS, "OK"));
  freeReplyObject(reply);
  reply = redisCommand(context, "GET blob");
  Check("come back whole", reply != NULL && reply->type == REDIS_REPLY_STRING &&
                               reply->len == size && memcmp(reply->str, blob, size) == 0);
  freeReplyObject(reply);
  free(blob);
}

int main(void) {
  printf("version %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
  redisContext* context = Connect();
  Check("keep-alive", redisEnableKeepAlive(context) == REDIS_OK);
  Replies(context);
  Pipeline(context);
  Transaction(context);
  Subscriber(context);
  Blob(context);
  redisFree(context);
  return 0;
}
