/*
** test_json.c - the JSON reader: known answers, texts that are taken and texts
** that are not, numbers against strtod, mutations, refused memory and how much
** is used. "test_json N" tries N mutations.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "io/json.h"

static rnl_Context *ctx;

static rnl_Memory memory (void) {
  rnl_Memory m;
  rnl_memory(ctx, &m);
  return m;
}


/* A copy of a text of exactly these bytes and a NUL, and what it is. */
typedef struct Text {
  char *s;
  const rnli_Json *root;
} Text;


/* An error must leave nothing behind and begin with the name. */
static int read_most (const char *s, size_t n, size_t most, Text *t) {
  size_t before = memory().live;
  t->s = malloc(n + 1);
  if (n) memcpy(t->s, s, n);
  t->s[n] = '\0';
  int status = rnli_json_read(ctx, "text", t->s, n, most, &t->root);
  CHECK(memory().live == before);
  if (status == RNL_OK) return status;
  CHECK(!t->root);
  CHECK_MSG(strstr(rnl_errmsg(ctx), "text"), "%s", rnl_errmsg(ctx));
  free(t->s);
  t->s = NULL;
  return status;
}


static int read_text (const char *s, size_t n, Text *t) {
  return read_most(s, n, SIZE_MAX, t);
}

/* {== What is read ======================================================= */

static int same_text (const rnli_Json *a, const rnli_Json *b) {
  char x[512], y[512];
  size_t n = rnli_json_text(a, x, sizeof x);
  return n == strlen(x) && n == rnli_json_text(b, y, sizeof y) &&
         strcmp(x, y) == 0 && rnli_json_is(a, y) && rnli_json_is(b, x);
}


/* Compares two values, and checks what each promises. */
static int same (const rnli_Json *a, const rnli_Json *b) {
  rnli_JsonKind kind = rnli_json_kind(a);
  size_t n = rnli_json_count(a);
  double x = rnli_json_number(a), y = rnli_json_number(b);
  if (kind != rnli_json_kind(b) || n != rnli_json_count(b)) return 0;
  if (kind == RNLI_STRING) return same_text(a, b);
  if (kind == RNLI_NUMBER) return memcmp(&x, &y, sizeof x) == 0;
  if (!isnan(x) || !isnan(y)) return 0;
  a = rnli_json_first(a);
  b = rnli_json_first(b);
  for (; n > 0; n--, a = rnli_json_next(a), b = rnli_json_next(b)) {
    if (!a || !b) return 0;
    if (kind == RNLI_LIST ? !same(a, b) : !same_text(a, b)) return 0;
    if (kind == RNLI_OBJECT && !same(rnli_json_value(a), rnli_json_value(b)))
      return 0;
  }
  return !a && !b;
}


/* Text of a value, with all of it that there is. */
static void write_text (const rnli_Json *v, char **to) {
  rnli_JsonKind kind = rnli_json_kind(v);
  int64_t i;
  switch (kind) {
    case RNLI_NULL: *to += sprintf(*to, "null"); return;
    case RNLI_BOOL: *to += sprintf(*to, "%.*s", *(const char *)v == 't' ? 4 : 5,
                                   (const char *)v); return;
    case RNLI_NUMBER:
      if (rnli_json_int(v, INT64_MIN, INT64_MAX, &i))
        *to += sprintf(*to, "%lld", (long long)i);
      else *to += sprintf(*to, "%.17g", rnli_json_number(v));
      return;
    case RNLI_STRING:
      *(*to)++ = '"';
      *to += rnli_json_text(v, *to, 200);
      *to += sprintf(*to, "\"");
      return;
    default: break;
  }
  *(*to)++ = kind == RNLI_LIST ? '[' : '{';
  for (const rnli_Json *m = rnli_json_first(v); m; m = rnli_json_next(m)) {
    if (m != rnli_json_first(v)) *(*to)++ = ',';
    write_text(m, to);
    if (kind == RNLI_LIST) continue;
    *(*to)++ = ':';
    write_text(rnli_json_value(m), to);
  }
  *(*to)++ = kind == RNLI_LIST ? ']' : '}';
  **to = '\0';
}


static const char everything[] =
  " {\"a\" : [1, -2.5e-3,\"\xc3\xa9\\n\", [], {}, [[]]],\n\t\"\":null,\r"
  "\"b\":{\"c\":true, \"d\":false,\"c \":9007199254740993},\"e\":\"\"} ";


static int integer_of (const rnli_Json *v) {
  int64_t x;
  return rnli_json_int(v, -9, 9, &x) ? (int)x : -10;
}


static void test_known (void) {
  Text t;
  int64_t x;
  CHECK(read_text(everything, sizeof everything - 1, &t) == RNL_OK);
  const rnli_Json *v = t.root;
  CHECK(rnli_json_kind(v) == RNLI_OBJECT && rnli_json_count(v) == 4);
  const rnli_Json *a = rnli_json_get(v, "a"), *b = rnli_json_get(v, "b");
  CHECK(rnli_json_is(rnli_json_first(v), "a"));
  CHECK(a == rnli_json_value(rnli_json_first(v)) && rnli_json_count(a) == 6);
  const rnli_Json *m = rnli_json_first(a);
  CHECK(integer_of(m) == 1 && rnli_json_number(m) == 1);
  CHECK(!rnli_json_int(m, 2, 9, &x) && !rnli_json_int(m, -9, 0, &x));
  m = rnli_json_next(m);
  CHECK(integer_of(m) == -10 && rnli_json_number(m) == -2.5e-3);
  m = rnli_json_next(m);
  CHECK(rnli_json_is(m, "\xc3\xa9\n") && !rnli_json_is(m, "\xc3\xa9"));
  CHECK(!rnli_json_is(m, "\xc3\xa9\n ") && !rnli_json_is(m, ""));
  CHECK(!rnli_json_is(a, "") && !rnli_json_is(NULL, ""));
  m = rnli_json_next(m);
  CHECK(rnli_json_kind(m) == RNLI_LIST && !rnli_json_first(m));
  m = rnli_json_next(m);
  CHECK(rnli_json_kind(m) == RNLI_OBJECT && !rnli_json_first(m));
  m = rnli_json_next(m);
  CHECK(rnli_json_kind(rnli_json_first(m)) == RNLI_LIST && !rnli_json_next(m));
  CHECK(rnli_json_kind(rnli_json_get(v, "")) == RNLI_NULL);
  CHECK(rnli_json_count(b) == 3);
  CHECK(rnli_json_kind(rnli_json_get(b, "c")) == RNLI_BOOL);
  CHECK(rnli_json_int(rnli_json_get(b, "c "), 0, INT64_MAX, &x) &&
        x == 9007199254740993);
  CHECK(rnli_json_is(rnli_json_get(v, "e"), ""));
  CHECK(!rnli_json_get(v, "c") && !rnli_json_get(a, "a"));
  CHECK(!rnli_json_get(NULL, "a") && !rnli_json_first(NULL));
  CHECK(rnli_json_kind(NULL) == RNLI_NONE && isnan(rnli_json_number(NULL)));
  free(t.s);
}


/* Strings to memory that has too little room for them, and in place. */
static void test_strings (void) {
  static const char text[] = "[\"\\u00e9\\n\\\"x\",\"\\ud834\\udd1e\","
                             "\"plain\"]";
  static const char *const means[] = {"\xc3\xa9\n\"x", "\xf0\x9d\x84\x9e",
                                      "plain"};
  Text t;
  CHECK(read_text(text, sizeof text - 1, &t) == RNL_OK);
  const rnli_Json *x = rnli_json_first(t.root), *next;
  for (int i = 0; i < 3; i++, x = next) {
    size_t n = strlen(means[i]);
    for (size_t room = 1; room < 10; room++) {
      char to[10];
      size_t put = n < room ? n : room - 1;
      CHECK(rnli_json_text(x, to, room) == n && strlen(to) == put);
      CHECK(memcmp(to, means[i], put) == 0);
    }
    next = rnli_json_next(x);
    CHECK(rnli_json_text(x, t.s + ((const char *)x - t.s), SIZE_MAX) == n);
    CHECK(strcmp((const char *)x, means[i]) == 0);
  }
  CHECK(!x);
  free(t.s);
}

/* }====================================================================== */

/* {== Verdicts =========================================================== */

/* Texts of one value that stand for the text behind them (without spaces). */
static const struct { const char *s, *means; } sound[] = {
  {"null", "null"}, {"true", "true"}, {" false ", "false"}, {"0", "0"},
  {"\"\"", "\"\""}, {"[]", "[]"}, {"{}", "{}"}, {"[ ]", "[]"}, {"{ }", "{}"},
  {"\t\n\r [\t\n\r 1\t\n\r ,\t\n\r 2\t\n\r ]\t\n\r ", "[1,2]"},
  {"[[[[[[]]]]]]", "[[[[[[]]]]]]"}, {"[null,1,\"1\",{}]", "[null,1,\"1\",{}]"},
  {"{\"a\":1,\"A\":2,\"a \":3}", "{\"a\":1,\"A\":2,\"a \":3}"},
  {"{\"\":0}", "{\"\":0}"}, {"[{\"a\":0},{\"a\":0}]", "[{\"a\":0},{\"a\":0}]"},
  {"{\"a\":{\"a\":{\"a\":0}}}", "{\"a\":{\"a\":{\"a\":0}}}"},
  {"-1", "-1"}, {"9223372036854775807", "9223372036854775807"},
  {"-9223372036854775808", "-9223372036854775808"},
  {"9223372036854775808", "9.2233720368547758e+18"},
  {"-9223372036854775809", "-9.2233720368547758e+18"}, {"-0", "-0"},
  {"-0.0", "-0"}, {"0.0", "0"}, {"0e1", "0"}, {"0E+1", "0"}, {"1e0", "1"},
  {"1.0", "1"}, {"1E-2", "0.01"}, {"0.5", "0.5"}, {"123.456e-78",
   "1.23456e-76"}, {"5e-324", "4.9406564584124654e-324"},
  {"1e-400", "0"}, {"1.7976931348623157e308", "1.7976931348623157e+308"},
  {"0.00000000000000000000000000000000000000000000000000001e53", "1"},
  {"\"\\u0041\"", "\"A\""}, {"\"\\u00e9\"", "\"\xc3\xa9\""},
  {"\"\\u20AC\"", "\"\xe2\x82\xac\""},
  {"\"\\uD834\\udd1e\"", "\"\xf0\x9d\x84\x9e\""},
  {"\"\\uD800\\uDC00\"", "\"\xf0\x90\x80\x80\""},
  {"\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\""},
  {"\"\\/\"", "\"/\""}, {"\"\\b\\f\\n\\r\\t\"", "\"\b\f\n\r\t\""},
  {"\"\x7f\"", "\"\x7f\""},
  {"\"\\uFFFE\\uFDD0\"", "\"\xef\xbf\xbe\xef\xb7\x90\""},
  {"\"\xc2\x80\xe0\xa0\x80\xee\x80\x80\xf0\x90\x80\x80\"",
   "\"\xc2\x80\xe0\xa0\x80\xee\x80\x80\xf0\x90\x80\x80\""},
  {"\"//[,]{:}\"", "\"//[,]{:}\""}
};

/* Texts that are none, with their length, and a piece of what is said. */
#define S(text) text, sizeof text - 1
static const struct { const char *s; size_t n; const char *says; } unsound[] = {
  {S(""), "text ends too early at byte 0"}, {S(" \n"), "early at byte 2"},
  {S("["), "early at byte 1"}, {S("{"), "early"}, {S("[1"), "early"},
  {S("[1,"), "early"}, {S("{\"a\""), "early"}, {S("{\"a\":"), "early"},
  {S("{\"a\":1"), "early"}, {S("{\"a\":1,"), "early"}, {S("tru"), "early"},
  {S("-"), "early"}, {S("1."), "early"}, {S("1e"), "early"},
  {S("1e+"), "early"}, {S("nul"), "early"}, {S("[[[["), "early at byte 4"},
  {S("]"), "unexpected ']' at byte 0"}, {S("}"), "'}'"}, {S(","), "','"},
  {S("[]]"), "unexpected ']' at byte 2"}, {S("{}}"), "'}' at byte 2"},
  {S("1 2"), "'2' at byte 2"}, {S("[1]x"), "'x'"}, {S("null,"), "','"},
  {S("\"\" \"\""), "'\"'"}, {S("[,]"), "','"}, {S("[1,]"), "']'"},
  {S("[1,,2]"), "','"}, {S("[1 2]"), "'2'"}, {S("[1}"), "'}'"},
  {S("{\"a\":1]"), "']'"}, {S("{,}"), "','"}, {S("{\"a\":1,}"), "'}'"},
  {S("{\"a\" 1}"), "'1'"}, {S("{\"a\",1}"), "','"}, {S("{\"a\"::1}"), "':'"},
  {S("{1:1}"), "'1'"}, {S("{null:1}"), "'n'"}, {S("{a:1}"), "'a'"},
  {S("{'a':1}"), "'''"}, {S("{\"a\":1 \"b\":2}"), "'\"'"}, {S("{[]:1}"), "'['"},
  {S("{\"a\":}"), "'}'"}, {S("{:1}"), "':'"}, {S("['']"), "'''"},
  {S("True"), "'T'"}, {S("nulL"), "'L' at byte 3"}, {S("truee"), "'e'"},
  {S("NaN"), "'N'"}, {S("nan"), "'a'"}, {S("Infinity"), "'I'"},
  {S("-Infinity"), "'I'"}, {S("+1"), "'+'"}, {S("01"), "'1' at byte 1"},
  {S("-01"), "'1'"}, {S("00"), "'0'"}, {S("0x1"), "'x'"}, {S(".5"), "'.'"},
  {S("-.5"), "'.'"}, {S("1.e1"), "'e'"}, {S("1.5."), "'.'"},
  {S("1e1.5"), "'.'"},
  {S("1eE2"), "'E'"}, {S("1e+-2"), "'-'"}, {S("--1"), "'-'"}, {S("1_0"), "'_'"},
  {S("1a"), "'a'"}, {S("- 1"), "0x20"}, {S("1\xc2\xa0"), "0xc2"},
  {S("1e309"), "range at byte 0"}, {S("[0,-1e400]"), "range at byte 3"},
  {S("1e99999999999999999999999"), "range"}, {S("/**/1"), "'/'"},
  {S("1//"), "'/'"}, {S("#\n1"), "'#'"}, {S("\xef\xbb\xbf" "1"), "0xef"},
  {S("\0"), "0x00 at byte 0"}, {S("1\0"), "0x00 at byte 1"}, {S("[\f1]"),
   "0x0c"}, {S("\xc2\xa0" "1"), "0xc2"},
  {S("\""), "without an end at byte 0"},
  {S("[\"a"), "without an end at byte 1"},
  {S("\"\\\""), "without an end"}, {S("\"\\"), "escape at byte 1"},
  {S("\"a\nb\""), "control character in a string at byte 2"},
  {S("\"\0\""), "control"}, {S("\"\t\""), "control"},
  {S("\"\x1f\""), "control"},
  {S("\"\\x41\""), "escape"}, {S("\"\\'\""), "escape"},
  {S("\"\\N\""), "escape"},
  {S("\"\\\0\""), "escape"}, {S("\"\\\n\""), "escape"}, {S("\"\\U0041\""),
   "escape"}, {S("\"\\u\""), "escape"}, {S("\"\\u004\""), "escape"},
  {S("\"\\u004g\""), "escape"}, {S("\"\\u-041\""), "escape"}, {S("\"\\u 041\""),
   "escape"}, {S("\"\\u00"), "escape"}, {S("\"\\u0000\""), "NUL"},
  {S("{\"\\u0000\":1}"), "NUL in a string at byte 2"},
  {S("\"\\ud800\""), "pair at byte 1"}, {S("\"\\udbffx\""), "pair"},
  {S("\"\\udc00\""), "pair"}, {S("\"\\ud800\\n\""), "pair"},
  {S("\"\\ud800\\ud800\""), "pair"}, {S("\"\\ud800\\u0041\""), "pair"},
  {S("\"\\udc00\\ud800\""), "pair"}, {S("\"\\ud800\\u\""), "pair"},
  {S("\"\\ud800\\udc0\""), "pair"}, {S("\"\\ud800\\"), "pair"},
  {S("\"\xff\""), "UTF-8 at byte 1"}, {S("\"\x80\""), "UTF-8"},
  {S("\"\xc0\x80\""), "UTF-8"}, {S("\"\xc1\xbf\""), "UTF-8"},
  {S("\"\xe0\x9f\xbf\""), "UTF-8"}, {S("\"\xed\xa0\x80\""), "UTF-8"},
  {S("\"\xf4\x90\x80\x80\""), "UTF-8"}, {S("\"\xf8\x88\x80\x80\x80\""),
   "UTF-8"}, {S("\"\xe2\x82\""), "UTF-8"}, {S("\xe2"), "UTF-8"},
  {S("\"\xc3\\u0041\""), "UTF-8"}, {S("\xff\xfe[\0]\0"), "UTF-8"},
  {S("{\"a\":1,\"a\":1}"), "duplicate key 'a'"},
  {S("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "duplicate key 'a'"},
  {S("{\"\":1,\"\":1}"), "duplicate key ''"},
  {S("[{\"k\":{\"x\":0,\"y\":0,\"x\":[]}}]"), "duplicate key 'x'"}
};


static void test_verdicts (void) {
  for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
    Text t;
    char text[256], *end = text;
    CHECK_MSG(read_text(sound[i].s, strlen(sound[i].s), &t) == RNL_OK, "%s: %s",
              sound[i].s, rnl_errmsg(ctx));
    if (!t.s) continue;
    write_text(t.root, &end);
    CHECK_MSG(strcmp(text, sound[i].means) == 0, "%s: %s", sound[i].s, text);
    free(t.s);
  }
  for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
    Text t;
    int status = read_text(unsound[i].s, unsound[i].n, &t);
    CHECK_MSG(status == RNL_EFORMAT && strstr(rnl_errmsg(ctx),
              unsound[i].says), "%s: %s", unsound[i].s, rnl_errmsg(ctx));
    free(t.s);
  }
}

/* }====================================================================== */

/* {== Limits ============================================================= */

/* "[[[...]]]" of 'depth' lists, or objects "{"a":{"a":...}}" */
static int read_deep (int objects, size_t depth) {
  const char *open = objects ? "{\"a\":" : "[";
  size_t k = strlen(open);
  char *s = malloc(depth * (k + 1) + 1);
  Text t;
  for (size_t i = 0; i < depth; i++) memcpy(s + i * k, open, k);
  s[depth * k] = '0';
  memset(s + depth * k + 1, objects ? '}' : ']', depth);
  int status = read_text(s, depth * (k + 1) + 1, &t);
  free(s);
  free(t.s);
  return status;
}


static void test_deep (void) {
  for (int objects = 0; objects < 2; objects++) {
    CHECK(read_deep(objects, RNLI_JSON_DEPTH - 1) == RNL_OK);
    CHECK(read_deep(objects, RNLI_JSON_DEPTH) == RNL_EFORMAT);
    CHECK(strstr(rnl_errmsg(ctx), "deep"));
    CHECK(read_deep(objects, 1000000) == RNL_EFORMAT);
  }
}


static void test_most (void) {
  Text t;
  CHECK(read_most(S("[1,[2,{\"a\":3}]]"), 6, &t) == RNL_OK);
  free(t.s);
  CHECK(read_most(S("[1,[2,{\"a\":3}]]"), 5, &t) == RNL_EFORMAT);
  CHECK(strstr(rnl_errmsg(ctx), "too many values at byte 11"));
  CHECK(read_most(S("1"), 0, &t) == RNL_EFORMAT);
#if SIZE_MAX > UINT32_MAX
  CHECK(rnli_json_read(ctx, "text", "", (size_t)1 << 32, 9, &t.root) ==
        RNL_EFORMAT);   /* and is not looked at */
#endif
}


/* N keys of 16 bytes whose first 15 are the same, in descending order. */
static int read_keys (int N, int twice, Text *t) {
  char *s = malloc((size_t)N * 22 + 2), *to = s;
  *to++ = '{';
  for (int i = N; i-- > 0;)
    to += sprintf(to, "\"%016d\":0%s", i == 0 && twice ? N / 2 : i,
                  i ? "," : "}");
  int status = read_text(s, (size_t)(to - s), t);
  free(s);
  return status;
}


static void test_keys (int N) {
  Text t;
  char says[64];
  CHECK(read_keys(N, 0, &t) == RNL_OK && rnli_json_count(t.root) == (size_t)N);
  CHECK(rnli_json_get(t.root, "0000000000000000"));
  free(t.s);
  CHECK(read_keys(N, 1, &t) == RNL_EFORMAT);
  snprintf(says, sizeof says, "duplicate key '%016d'", N / 2);
  CHECK(strstr(rnl_errmsg(ctx), says));
}

/* }====================================================================== */

/* {== Memory ============================================================= */

/* Most bytes that reading a text takes beside it. */
static size_t peak_of (const char *s, size_t n) {
  Text t;
  size_t before = memory().live;
  rnl_memory_reset(ctx);
  CHECK(read_text(s, n, &t) == RNL_OK);
  free(t.s);
  return memory().peak - before;
}


/* Values take none; the keys of an object 4 bytes each while it is read. */
static void test_memory (void) {
  static const char *const piece[] = {"0,", "[],", "{},", "\"\",", "\"\\n\",",
                                      "{\"a\":{\"b\":[]},\"b\":\"\"},"};
  enum { N = 20000 };
  static char s[24 * N];
  for (size_t k = 0; k < sizeof piece / sizeof *piece; k++) {
    char *to = s;
    *to++ = '[';
    for (int i = 0; i < N; i++) to += sprintf(to, "%s", piece[k]);
    to[-1] = ']';
    CHECK_MSG(peak_of(s, (size_t)(to - s)) == 0, "%s", piece[k]);
  }
  char *to = s;
  *to++ = '{';
  for (int i = 0; i < N; i++) to += sprintf(to, "\"%x\":{\"x\":0},", i);
  to[-1] = '}';
  CHECK(peak_of(s, (size_t)(to - s)) <= 4 * N * 5 / 4);
}


static void test_no_memory (int forever) {
  Text t;
  rnl_fail_alloc(ctx, 1, forever);
  CHECK(read_text(everything, sizeof everything - 1, &t) == RNL_OK);
  free(t.s);
  CHECK(read_keys(100, 0, &t) == RNL_ENOMEM);
  CHECK(strstr(rnl_errmsg(ctx), "not enough memory"));
  rnl_fail_alloc(ctx, 0, 0);
}

/* }====================================================================== */

/* {== Numbers ============================================================ */

static double decimal (const char *s) {
  return rnli_decimal(s, strlen(s));
}


static void check_number (const char *s) {
  double got = decimal(s), want = strtod(s, NULL);
  CHECK_MSG(memcmp(&got, &want, sizeof got) == 0, "%s: %.17g, not %.17g", s,
            got, want);
}


static double random_double (int finite) {
  double x;
  do {
    uint64_t bits = rnl_rng_next(rnl_rng(ctx));
    memcpy(&x, &bits, sizeof x);
  } while (finite && !isfinite(x));
  return x;
}


/* Random bits, as many of them and as few digits as there can be. */
static void test_numbers (void) {
  char s[1200];
  for (int i = 0; i < 100000; i++) {
    double x = random_double(1), got;
    snprintf(s, sizeof s, "%.17g", x);
    got = decimal(s);
    CHECK_MSG(memcmp(&got, &x, sizeof x) == 0, "%s", s);
    snprintf(s, sizeof s, "%.*e", (int)(rnl_rng_next(rnl_rng(ctx)) % 25), x);
    check_number(s);
  }
  for (int i = 0; i < 2000; i++) {   /* whole: up to 767 digits */
    double x = random_double(1);
    snprintf(s, sizeof s, "%.*e", 780, x);
    double got = decimal(s);
    CHECK_MSG(memcmp(&got, &x, sizeof x) == 0, "%s", s);
  }
}


/*
** The middle of two doubles, which has a digit more than they, is read as the
** even one; with one more digit, however late, as the next one.
*/
static void check_middle (double x) {
  char s[2400];
  double next = nextafter(x, HUGE_VAL), got;
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  long double middle = ((long double)x + next) / 2;   /* has 64 bits */
  int n = snprintf(s, sizeof s, "%.780Lf", middle);
  if (fabs(x) < 1e-200) n = snprintf(s, sizeof s, "%.1100Lf", middle);
  got = decimal(s);
  CHECK_MSG(got == (bits & 1 ? next : x), "%a: %a", x, got);
  memset(s + n, '0', 1000);
  memcpy(s + n + 1000, "1", 2);
  CHECK_MSG(decimal(s) == next, "%a", x);
}


static void test_middles (void) {
  static const char *const hard[] = {
    "2.2250738585072011e-308", "2.2250738585072012e-308",
    "2.2250738585072014e-308", "4.9406564584124654e-324",
    "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-323", "1e-324",
    "1.7976931348623158e308", "1.7976931348623159e308", "9007199254740993",
    "9007199254740992.9999999999999999999", "9007199254740993.0000000000001",
    "6929495644600919.5", "3.518437208883201171875e13", "1e23", "8.5e22",
    "0.1", "123456789012345678901234567890", "1e22", "0e999999999999999999999",
    "0.000001e-999999999999999999999", "179769313486231580793e289"};
  for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
    check_number(hard[i]);
  for (int i = 0; i < 2000; i++) check_middle(fabs(random_double(1)) / 4);
  for (int e = -40; e < 40; e++) check_middle(ldexp(1, e));
}


/* A long text's exponent and its digits can undo each other. */
static void test_far (void) {
  enum { N = 200000 };
  char *s = malloc(N + 40);
  memcpy(s, "0.", 2);
  memset(s + 2, '0', N);
  snprintf(s + 2 + N, 30, "125e%d", N + 1);
  CHECK(decimal(s) == 1.25);
  s[0] = '1';
  memset(s + 1, '0', N);
  snprintf(s + 1 + N, 30, "e-%d", N - 2);
  CHECK(decimal(s) == 100);
  memset(s, '9', N);
  snprintf(s + N, 30, "e-%d", N);
  CHECK(decimal(s) == 1);
  free(s);
}

/* }====================================================================== */

/* {== Mutations ========================================================== */

/* Random edits: bytes, pieces again or left out, pieces of the grammar. */
static size_t mutate (char *p, size_t n, size_t room) {
  static const char *const word[] = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9", "\\ud800\\udc00",
    "\\u0000", "1e5", "-0.1", "1e999", "null", "true", "{\"a\":0,\"a\":0}",
    "[[[[",
    "\xc3\xa9", "\xf0\x9f\x98\x80", "99999999999999999999"};
  rnl_Rng *g = rnl_rng(ctx);
  for (uint64_t edits = rnl_rng_next(g) % 4 + 1; edits && n; edits--) {
    size_t i = rnl_rng_next(g) % n, k = rnl_rng_next(g) % 24;
    const char *w = word[rnl_rng_next(g) % (sizeof word / sizeof *word)];
    if (k > n - i) k = n - i;
    switch (rnl_rng_next(g) % 5) {
      case 0: p[i] = (char)rnl_rng_next(g); break;
      case 1: p[i] = (char)(p[i] ^ 1 << rnl_rng_next(g) % 8); break;
      case 2:
        if (n + k > room) break;
        memmove(p + i + k, p + i, n - i);
        n += k;
        break;
      case 3:
        memmove(p + i, p + i + k, n - i - k);
        n -= k;
        break;
      default:
        k = strlen(w);
        if (n + k > room) break;
        memmove(p + i + k, p + i, n - i);
        memcpy(p + i, w, k);
        n += k;
    }
  }
  return n;
}


/* An error, or a value that is the same when what it says is read. */
static void test_random (long times) {
  char p[512], text[1024];
  long taken = 0;
  for (long i = 0; i < times; i++) {
    Text t, again;
    size_t n = sizeof everything - 1;
    memcpy(p, everything, n);
    n = mutate(p, n, sizeof p);
    int status = read_text(p, n, &t);
    CHECK_MSG(status == RNL_OK || status == RNL_EFORMAT, "%ld: %d", i, status);
    if (status != RNL_OK) continue;
    taken++;
    CHECK(read_text(p, n, &again) == RNL_OK && same(t.root, again.root));
    free(again.s);
    if (!memchr(p, '\\', n)) {
      char *end = text;
      write_text(t.root, &end);
      CHECK(read_text(text, (size_t)(end - text), &again) == RNL_OK &&
            same(t.root, again.root));
      free(again.s);
    }
    free(t.s);
  }
  CHECK_MSG(taken > times / 50, "%ld of %ld", taken, times);
}


static int by_number (const void *of, uint32_t a, uint32_t b) {
  ++*(size_t *)(uintptr_t)of;
  return (a > b) - (a < b);
}


/* Sorted are numbers of any order, in about n log n steps. */
static void test_sort (void) {
  enum { N = 5000 };
  static uint32_t x[N];
  for (int kind = 0; kind < 6; kind++)
    for (uint32_t n = 0; n <= N; n = n < 20 ? n + 1 : 2 * n + 7) {
      uint64_t sum = 0, same = 0;
      size_t steps = 0;
      for (uint32_t i = 0; i < n; i++) {
        uint32_t r = (uint32_t)rnl_rng_next(rnl_rng(ctx));
        const uint32_t kinds[] = {i, n - i, r, r % 3, 7, i ^ 1};
        sum += x[i] = kinds[kind];
      }
      rnli_sort(x, n, by_number, &steps);
      for (uint32_t i = 0; i < n; i++) {
        same += x[i];
        CHECK(i == 0 || x[i - 1] <= x[i]);
      }
      CHECK(sum == same && steps <= 40 * ((size_t)n + 1));
    }
}

/* }====================================================================== */


int main (int argc, char **argv) {
  if (rnl_context_new(NULL, NULL, &ctx) != RNL_OK) return 1;
  test_known();
  test_strings();
  test_verdicts();
  test_deep();
  test_most();
  test_keys(2);
  test_keys(33);
  test_keys(65536);
  test_sort();
  test_memory();
  test_no_memory(0);
  test_no_memory(1);
  test_numbers();
  test_middles();
  test_far();
  test_random(argc > 1 ? atol(argv[1]) : 100000);
  rnl_context_release(ctx);
  return harness_end("json");
}
