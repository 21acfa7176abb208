/*
** hostile.h - headers that somebody made up, each with its verdict, and files
** that begin with them; headers that are dense in one thing.
*/
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK, NO };   /* verdicts: loads, or RNL_EFORMAT */

/*
** A header (with its length, for it may contain NUL), the bytes of data after
** it, the verdict, and a piece of the error's text.
*/
typedef struct Case {
  const char *header;
  size_t n;
  size_t data;
  int verdict;
  const char *says;
} Case;

#define H(header) header, sizeof header - 1
/* One tensor: its dtype, shape and offsets. */
#define T(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape \
  ",\"data_offsets\":" offsets "}"
#define A "\"a\":" T("F32", "[1]", "[0,4]")
#define B "\"b\":" T("F32", "[1]", "[4,8]")
#define E "\"e\":" T("F32", "[0]", "[4,4]")

static const Case cases[] = {
  /* sound, if odd */
  {H("{" A "}"), 4, OK, NULL},
  {H("{}"), 0, OK, NULL},
  {H("{ }"), 0, OK, NULL},
  {H("{" A "}    "), 4, OK, NULL},
  {H("{" A "} \n\t\r\n"), 4, OK, NULL},
  {H("{ \n" A "\t}"), 4, OK, NULL},
  {H("{\"../../etc/passwd\":" T("F32", "[1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"%s%n\":" T("F32", "[1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"u\":" T("U8", "[1]", "[0,1]") ",\"f\":" T("F32", "[1]", "[1,5]")
     "}"), 5, OK, NULL},
  {H("{" B "," A "}"), 8, OK, NULL},
  {H("{" A "," E "," B ",\"e2\":" T("F64", "[3,0]", "[4,4]") "}"), 8, OK,
   NULL},
  {H("{\"s\":" T("F64", "[]", "[0,8]") "}"), 8, OK, NULL},
  {H("{\"\\u0061\":" T("F32", "[1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"\\ud83d\\ude00\\u00e9\\u20ac\":" T("F32", "[1]", "[0,4]") "}"), 4,
   OK, NULL},
  {H("{\"\\\"\\\\\\/\\b\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "name"},
  {H("{\"\\\"\\\\\\/\":" T("F32", "[1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"\xc3\xa9\":" T("F32", "[1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"a\":{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}"), 4,
   OK, NULL},
  {H("{\"a\":{\"\\u0064type\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
   4, OK, NULL},
  {H("{\"a\":" T("F32", "[1,1,1,1,1,1,1,1]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"a\":" T("F16", "[2]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"a\":" T("BF16", "[2]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"a\":" T("U8", "[2,2]", "[0,4]") "}"), 4, OK, NULL},
  {H("{\"a\":" T("I64", "[1]", "[0,8]") "}"), 8, OK, NULL},
  {H("{" A ",\"__metadata__\":{}}"), 4, OK, NULL},
  {H("{\"__metadata__\":{\"\":\"\",\"k\":\"\\u0001\\u007f\"}," A "}"), 4, OK,
   NULL},

  /* the frame */
  {H(" {" A "}"), 4, NO, "begin"},
  {H("\xef\xbb\xbf{" A "}"), 4, NO, "begin"},
  {H("{" A "}\0"), 4, NO, "byte"},
  {H("{" A "}x"), 4, NO, "'x' at byte"},
  {H("{" A "}{}"), 4, NO, "byte"},
  {H("{" A "},"), 4, NO, "byte"},
  {H("{" A "}}"), 4, NO, "byte"},
  {H("[" "]"), 0, NO, "begin"},
  {H("\"\""), 0, NO, "begin"},
  {H("{" A "}"), 5, NO, "1 bytes of data"},
  {H("{" A "}"), 3, NO, "lie in the 3 bytes"},
  {H("{}"), 1, NO, "data"},
  {H("  "), 0, NO, "begin"},

  /* JSON */
  {H("{" A), 4, NO, "too early at byte 53"},
  {H("{" A ",}"), 4, NO, "'}' at byte 54"},
  {H("{," A "}"), 4, NO, "',' at byte 1"},
  {H("{\"a\" " T("F32", "[1]", "[0,4]") "}"), 4, NO, "'{' at byte 5"},
  {H("{\"a\":" T("F32", "[1,]", "[0,4]") "}"), 4, NO, "']'"},
  {H("{\"a\":" T("F32", "[1 1]", "[0,4]") "}"), 4, NO, "'1'"},
  {H("{\"a\":" T("F32", "[1}", "[0,4]") "}"), 4, NO, "byte"},
  {H("{/**/" A "}"), 4, NO, "'/' at byte"},
  {H("{//\n" A "}"), 4, NO, "'/'"},
  {H("{'a':" T("F32", "[1]", "[0,4]") "}"), 4, NO, "byte 1"},
  {H("{a:" T("F32", "[1]", "[0,4]") "}"), 4, NO, "'a' at byte 1"},
  {H("{\"a"), 0, NO, "without an end"},
  {H("{\"a\\"), 0, NO, "escape"},
  {H("{\"a\\u12"), 0, NO, "escape"},
  {H("{\"\\x\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "escape"},
  {H("{\"\\u12g4\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "escape"},
  {H("{\"\\ud800\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "pair"},
  {H("{\"\\ud800\\u0041\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "pair"},
  {H("{\"\\udc00\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "pair"},
  {H("{\"\\u0000\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "NUL"},
  {H("{\"a\0b\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "control"},
  {H("{\"a\nb\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "control"},
  {H("{\"\xff\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8 at byte 2"},
  {H("{\"\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xc0\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xed\xa0\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xf4\x90\x80\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{" A "}\xc3"), 4, NO, "UTF-8"},

  /* numbers */
  {H("{\"a\":" T("F32", "[1.0]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[1e0]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[1]", "[-0,4]") "}"), 4, NO, "integers"},
  {H("{\"a\":" T("F32", "[-1]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[01]", "[0,4]") "}"), 4, NO, "'1'"},
  {H("{\"a\":" T("F32", "[+1]", "[0,4]") "}"), 4, NO, "'+'"},
  {H("{\"a\":" T("F32", "[0x1]", "[0,4]") "}"), 4, NO, "'x'"},
  {H("{\"a\":" T("F32", "[\"1\"]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[1]", "[\"0\",4]") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":" T("F32", "[1]", "[0,18446744073709551620]") "}"), 4, NO,
   "integers"},
  {H("{\"a\":" T("F32", "[9223372036854775808]", "[0,4]") "}"), 4, NO,
   "extent"},
  {H("{\"a\":" T("F32", "[9223372036854775807]", "[0,4]") "}"), 4, NO,
   "extent"},
  {H("{\"a\":" T("F32", "[2147483648]", "[0,4]") "}"), 4, NO, "not supported"},
  {H("{\"a\":" T("F32", "[0,4294967296,4294967296]", "[0,0]") "}"), 0, NO,
   "not supported"},
  {H("{\"a\":" T("F32", "[2147483647,2147483647,5]", "[0,4]") "}"), 4, NO,
   "'a'"},
  {H("{\"a\":" T("F32", "[65536,65536,65536,65536]", "[0,0]") "}"), 0, NO,
   "'a'"},
  {H("{\"a\":" T("F64", "[1073741824,1073741824,2]", "[0,0]") "}"), 0, NO,
   "'a'"},

  /* places */
  {H("{\"a\":" T("F32", "[1]", "[0,4,8]") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":" T("F32", "[1]", "[4]") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":" T("F32", "[1]", "[]") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":" T("F32", "[1]", "[4,0]") "}"), 4, NO, "'a'"},
  {H("{\"a\":" T("F32", "[1]", "[0,0]") "}"), 0, NO, "'a'"},
  {H("{\"a\":" T("F32", "[1]", "[0,8]") "}"), 8, NO, "'a'"},
  {H("{\"a\":" T("F32", "[1]", "[4,8]") "}"), 8, NO, "hole"},
  {H("{" A ",\"b\":" T("F32", "[1]", "[8,12]") "}"), 12, NO, "hole"},
  {H("{" A ",\"b\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "overlap"},
  {H("{" A ",\"b\":" T("F32", "[2]", "[0,8]") "}"), 8, NO, "overlap"},
  {H("{" A ",\"b\":" T("F32", "[1]", "[2,6]") "}"), 6, NO, "overlap"},
  {H("{" A "," E "}"), 8, NO, "data"},
  {H("{\"e\":" T("F32", "[0]", "[9,9]") "}"), 4, NO, "'e'"},
  {H("{" A ",\"e\":" T("F32", "[0]", "[2,2]") "}"), 4, NO, "'"},

  /* members */
  {H("{" A "," A "}"), 4, NO, "duplicate"},
  {H("{" A ",\"a\":" T("F32", "[1]", "[4,8]") "}"), 8, NO, "duplicate"},
  {H("{" A ",\"\\u0061\":" T("F32", "[1]", "[4,8]") "}"), 8, NO,
   "duplicate"},
  {H("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1]}}"), 4, NO,
   "duplicate"},
  {H("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],"
     "\"x\":0}}"), 4, NO, "nothing else"},
  {H("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"x\":[0,4]}}"), 4, NO,
   "must have"},
  {H("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), 4, NO, "must have"},
  {H("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}"), 4, NO,
   "must have"},
  {H("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}"), 4, NO, "must have"},
  {H("{\"a\":{}}"), 0, NO, "must have"},
  {H("{\"a\":\"\"}"), 0, NO, "must have"},
  {H("{\"a\":1}"), 0, NO, "must have"},
  {H("{\"a\":[]}"), 0, NO, "must have"},
  {H("{\"a\":null}"), 0, NO, "must have"},
  {H("{\"a\":true}"), 0, NO, "must have"},
  {H("{\"a\":NaN}"), 0, NO, "'N'"},
  {H("{\"a\":" T("F32", "{}", "[0,4]") "}"), 4, NO, "a list"},
  {H("{\"a\":" T("F32", "1", "[0,4]") "}"), 4, NO, "shape"},
  {H("{\"a\":" T("F32", "[[1]]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[1]", "4") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}"), 4, NO,
   "dtype"},
  {H("{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}"), 4, NO,
   "at most 8"},

  /* names */
  {H("{\"\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "name"},
  {H("{\"\\u001f\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "name"},
  {H("{\"\\n\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "name"},
  {H("{\"\x7f\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "name"},

  /* dtypes */
  {H("{\"x\":" T("F8_E4M3", "[4]", "[0,4]") "}"), 4, NO,
   "dtype F8_E4M3 of tensor 'x' is not supported"},
  {H("{\"x\":" T("BOOL", "[4]", "[0,4]") "}"), 4, NO, "BOOL"},
  {H("{\"x\":" T("F4", "[3]", "[0,1]") "}"), 1, NO, "F4"},
  {H("{\"x\":" T("C64", "[1]", "[0,8]") "}"), 8, NO, "C64"},
  {H("{\"x\":" T("f32", "[1]", "[0,4]") "}"), 4, NO, "f32"},
  {H("{\"x\":" T("", "[1]", "[0,4]") "}"), 4, NO, "dtype"},
  {H("{\"x\":" T("\\u001b[31m", "[1]", "[0,4]") "}"), 4, NO, "dtype ?[31m"},
  {H("{\"x\":" T("F32 ", "[1]", "[0,4]") "}"), 4, NO, "dtype"},

  /* metadata */
  {H("{\"__metadata__\":null}"), 0, NO, "strings"},
  {H("{\"__metadata__\":[]}"), 0, NO, "strings"},
  {H("{\"__metadata__\":\"\"}"), 0, NO, "__metadata__"},
  {H("{\"__metadata__\":{\"k\":1}}"), 0, NO, "'k'"},
  {H("{\"__metadata__\":{\"k\":[]}}"), 0, NO, "'k'"},
  {H("{\"__metadata__\":{\"k\":{}}}"), 0, NO, "'k'"},
  {H("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}"), 0, NO, "duplicate"},
  {H("{\"__metadata__\":{},\"__metadata__\":{}}"), 0, NO, "duplicate"},
  {H("{\"__metadata__\":{\"k\":\"\\u0000\"}}"), 0, NO, "NUL"},
  {H("{\"__metadata__\":{\"rnnlua.digest\":\"\"}," A "}"), 4, NO, "damaged"},
  {H("{\"__metadata__\":{\"rnnlua.digest\":\"0123456789abcdef\"}," A "}"), 4,
   NO, "damaged"}
};

enum { CASES = sizeof cases / sizeof *cases };


/* A file with this header and 'data' bytes of 'fill'; the caller frees it. */
static inline unsigned char *hostile_file (const char *header, size_t n,
                                           size_t data, int fill) {
  unsigned char *p = malloc(8 + n + data);
  for (int i = 0; i < 8; i++) p[i] = (unsigned char)((uint64_t)n >> 8 * i);
  memcpy(p + 8, header, n);
  memset(p + 8 + n, fill, data);
  return p;
}

/* Headers of a head, many pieces with numbers for %x, and a tail. */
typedef struct Dense {
  const char *head, *piece, *tail;
  int verdict;
} Dense;

#define META(text) "{\"__metadata__\":{" text
#define KIND(kind) \
  META("\"rnnlua.kind\":\"" kind "\",\"rnnlua.layers\":\"{}\",")
#define TAGGER(columns) \
  KIND("tagger") "\"tagger\":\"{\\\"columns\\\":[" columns

static const Dense denses[] = {
  {"{", "\"%x\":" T("U8", "[0]", "[0,0]") ",",
   "\"x\":" T("U8", "[0]", "[0,0]") "}", OK},
  {"{", "\"%x\":" T("U8", "[1,1,1,1,1,1,1,0]", "[0,0]") ",",
   "\"x\":" T("U8", "[0]", "[0,0]") "}", OK},
  {META(""), "\"%x\":\"\",", "\"x\":\"\"}}", OK},
  {META("\"rnnlua.layers\":\"{\\\"a\\\":["), "0,", "0]}\"}}", OK},
  {META("\"rnnlua.layers\":\"{\\\"a\\\":["), "{},", "{}]}\"}}", OK},
  {META("\"rnnlua.layers\":\"{\\\"a\\\":["), "\\\"\\u0022,", "0]}\"}}", OK},
  {META("\"rnnlua.layers\":\"{"), "\\\"%x\\\":0,", "\\\"x\\\":0}\"}}", OK},
  {META("\"rnnlua.layers\":\"{"), "\\\"%x\\\":{\\\"class\\\":\\\"RNN\\\"},",
   "\\\"x\\\":0}\"}}", OK},
  {TAGGER("]}\",\"tags\":\"[\\\"O\\\"]\",\"words\":\"[\\\"<unk>\\\""),
   ",\\\"%x\\\"", "]\"}}", OK},
  {TAGGER("]}\",\"tags\":\"[\\\"O\\\""), ",\\\"O%05x\\\"", "]\"}}", OK},
  {TAGGER("\\\"1\\\""), ",\\\"\\\"", "]}\"}}", OK},
  {KIND("classifier") "\"labels\":\"[\\\"!\\\"", ",\\\"%05x\\\"", "]\"}}", OK},
  {"{", "\"%x\":0,", "\"x\":0}", NO},
  {"{\"x\":{", "\"%x\":0,", "\"x\":0}}", NO},
  {"{\"x\":{\"shape\":[", "%x,", "0]}}", NO}, {"{\"x\":[", "[],", "0]}", NO},
  {"{\"x\":[", "{},", "0]}", NO}, {"{\"x\":\"", "%x", "\"}", NO}};

enum { DENSES = sizeof denses / sizeof *denses };


/* A file of one, with N pieces; the caller frees it. */
static inline unsigned char *hostile_dense (const Dense *d, int N, size_t *n) {
  size_t room = (strlen(d->piece) + 8) * (size_t)N + 1024, used;
  char *text = malloc(room);
  used = (size_t)snprintf(text, room, "%s", d->head);
  for (int i = 0; i < N; i++)
    used += (size_t)snprintf(text + used, room - used, d->piece, i);
  used += (size_t)snprintf(text + used, room - used, "%s", d->tail);
  unsigned char *file = hostile_file(text, used, 0, 0);
  free(text);
  *n = 8 + used;
  return file;
}

#endif
