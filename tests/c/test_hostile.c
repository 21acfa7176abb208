/*
** test_hostile.c - files that somebody made up, each with its verdict: what
** the reader takes although it is odd, and what it refuses, with which text;
** mutations of a header, and the memory that reading takes.
** "test_hostile N" tries N mutations.
*/
#include <math.h>
#include <sys/stat.h>

#include "hostile.h"
#include "io/header.h"
#include "scratch.h"

/* {== Verdicts =========================================================== */

/* Writes a file with this header and data bytes of 'fill'; loads it. */
static int load_made (const char *header, size_t n, size_t data, int fill,
                      rnl_File **f) {
  unsigned char *p = hostile_file(header, n, data, fill);
  int status = load_bytes(p, 8 + n + data, f);
  free(p);
  return status;
}


static void test_case (const Case *c, int number) {
  rnl_File *f;
  int status = load_made(c->header, c->n, c->data, 0, &f);
  const char *text = status == RNL_OK ? "loaded" : rnl_errmsg(ctx);
  CHECK_MSG(status == (c->verdict == OK ? RNL_OK : RNL_EFORMAT), "%d: %s: %s",
            number, c->header, text);
  CHECK_MSG(!c->says || strstr(text, c->says), "%d: %s: %s", number,
            c->header, text);
  rnl_file_free(f);
}


/* A header of 'open' n times, and 'shut' n times, in the place of a field. */
static void test_deep (const char *open_, char open, char shut, size_t n) {
  rnl_File *f;
  size_t k = strlen(open_);
  char *p = malloc(k + 2 * n);
  memcpy(p, open_, k);
  memset(p + k, open, n);
  memset(p + k + n, shut, n);
  CHECK(load_made(p, k + 2 * n, 0, 0, &f) == RNL_EFORMAT);
  CHECK(strstr(rnl_errmsg(ctx), "byte"));
  free(p);
}


/* Repeats 'piece' (with a number for %d) 'n' times between two texts. */
static int load_repeated (const char *head, const char *piece, int n,
                          const char *tail, size_t data) {
  rnl_File *f;
  size_t room = strlen(head) + (size_t)n * (strlen(piece) + 8) + 64, used;
  char *p = malloc(room);
  used = (size_t)snprintf(p, room, "%s", head);
  for (int i = 0; i < n; i++) {
    char *mark = strchr(piece, '#');
    size_t before = mark ? (size_t)(mark - piece) : strlen(piece);
    used += (size_t)snprintf(p + used, room - used, "%.*s", (int)before, piece);
    if (mark)
      used += (size_t)snprintf(p + used, room - used, "%d%s", i, mark + 1);
  }
  used += (size_t)snprintf(p + used, room - used, "%s", tail);
  int status = load_made(p, used, data, 0, &f);
  rnl_file_free(f);
  free(p);
  return status;
}


static void test_counts (void) {
  const char *one = "\"#\":" T("F32", "[0]", "[0,0]") ",";
  const char *last = "\"x\":" T("F32", "[0]", "[0,0]") "}";
  CHECK(load_repeated("{", one, 65535, last, 0) == RNL_OK);
  CHECK(load_repeated("{", one, 65536, last, 0) == RNL_EFORMAT);
  CHECK(load_repeated("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],"
                      "\"shape\":[0", ",1", 7, "]}}", 0) == RNL_OK);
  CHECK(load_repeated("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],"
                      "\"shape\":[0", ",1", 999, "]}}", 0) == RNL_EFORMAT);
  CHECK(load_repeated("{\"", "n", 512, "\":" T("F32", "[0]", "[0,0]") "}", 0)
        == RNL_OK);
  CHECK(load_repeated("{\"", "n", 513, "\":" T("F32", "[0]", "[0,0]") "}", 0)
        == RNL_EFORMAT);
  CHECK(load_repeated("{\"__metadata__\":{", "\"#\":\"\",", 65535,
                      "\"k\":\"\"}}", 0) == RNL_OK);
  CHECK(load_repeated("{\"__metadata__\":{", "\"#\":\"\",", 65536,
                      "\"k\":\"\"}}", 0) == RNL_EFORMAT);
  CHECK(load_repeated("{\"a\":{", "\"#\":0,", 400000, "\"k\":0}}", 0) ==
        RNL_EFORMAT);
  CHECK(load_repeated("{\"__metadata__\":{\"k\":\"", "0123456789abcdef",
                      1 << 20, "\"}}", 0) == RNL_EFORMAT);   /* key: 1 more */
}


/* Files that are not even a frame: what follows the 8 bytes of length. */
static void test_frames (void) {
  static const struct { uint64_t n; size_t size; } frame[] = {
    {0, 0}, {0, 7}, {0, 8}, {0, 64}, {1, 64}, {57, 64}, {64, 64}, {2, 9},
    {UINT64_MAX, 64}, {UINT64_MAX - 7, 64}, {(uint64_t)1 << 63, 64},
    {0x7fffffff, 64}, {100000001, 64}};
  rnl_File *f;
  for (size_t i = 0; i < sizeof frame / sizeof *frame; i++) {
    unsigned char p[64];
    memset(p, '{', sizeof p);
    for (int k = 0; k < 8; k++)
      p[k] = (unsigned char)(frame[i].n >> 8 * k);
    CHECK_MSG(load_bytes(p, frame[i].size, &f) == RNL_EFORMAT, "%zu", i);
  }
  spill(at("case"), "\1\xe1\xf5\5\0\0\0", 8);   /* 100000001 */
  CHECK(truncate(at("case"), 100000100) == 0);   /* sparse: a long header */
  CHECK(load(at("case"), &f) == RNL_EFORMAT);
  CHECK(strstr(rnl_errmsg(ctx), "header of"));
  if (truncate(at("case"), ((off_t)16 << 30) + 1) == 0) {
    CHECK(load(at("case"), &f) == RNL_EFORMAT);
    CHECK(strstr(rnl_errmsg(ctx), "at most 17179869184"));
  }
  unlink(at("case"));
}


static void test_hostile (void) {
  for (int i = 0; i < CASES; i++) test_case(&cases[i], i);
  test_deep("{\"a\":", '[', ']', 100000);
  test_deep("{\"a\":{\"x\":", '[', ']', 100);
  test_deep("", '{', '}', 100000);
  test_deep("{", '}', '[', 100000);
  test_counts();
  test_frames();
}


/* }====================================================================== */

/* {== Other dtypes, other things than files ============================== */

/* What the other dtypes come to. */
static void test_converted (void) {
  static const struct {
    const char *header;
    size_t n, bytes;
    unsigned char data[8];
    double want;
  } value[] = {
    {H("{\"a\":" T("F16", "[1]", "[0,2]") "}"), 2, {0x00, 0x3c}, 1},
    {H("{\"a\":" T("F16", "[1]", "[0,2]") "}"), 2, {0xff, 0x7b}, 65504},
    {H("{\"a\":" T("F16", "[1]", "[0,2]") "}"), 2, {0x01, 0x80}, -0x1p-24},
    {H("{\"a\":" T("F16", "[1]", "[0,2]") "}"), 2, {0xff, 0x03},
     1023 * 0x1p-24},
    {H("{\"a\":" T("F16", "[1]", "[0,2]") "}"), 2, {0x00, 0xfc}, -HUGE_VAL},
    {H("{\"a\":" T("BF16", "[1]", "[0,2]") "}"), 2, {0xc0, 0xbf}, -1.5},
    {H("{\"a\":" T("U8", "[1]", "[0,1]") "}"), 1, {255}, 255},
    {H("{\"a\":" T("I64", "[1]", "[0,8]") "}"), 8,
     {0, 0, 0, 0x80, 255, 255, 255, 255}, -2147483648.0},
    {H("{\"a\":" T("I64", "[1]", "[0,8]") "}"), 8, {0, 0, 0, 0x80}, NAN},
    {H("{\"a\":" T("I64", "[1]", "[0,8]") "}"), 8,
     {255, 255, 255, 0x7f, 255, 255, 255, 255}, NAN}
  };
  for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
    unsigned char p[256] = {0};
    rnl_File *f;
    p[0] = (unsigned char)value[i].n;
    memcpy(p + 8, value[i].header, value[i].n);
    memcpy(p + 8 + value[i].n, value[i].data, value[i].bytes);
    int status = load_bytes(p, 8 + value[i].n + value[i].bytes, &f);
    if (isnan(value[i].want))   /* does not fit */
      CHECK(status == RNL_EFORMAT && strstr(rnl_errmsg(ctx), "'a'"));
    else
      CHECK_MSG(status == RNL_OK && rnl_get(rnl_file_tensor(f, 0), 0) ==
                value[i].want, "%zu", i);
    rnl_file_free(f);
  }
}


/* Conversion goes piece by piece; the pieces must meet. */
static void test_long_conversion (void) {
  enum { N = 100003 };
  static unsigned char raw[2 * N];
  char header[128];
  rnl_File *f;
  int n = snprintf(header, sizeof header, "{\"a\":"
                   T("BF16", "[%d]", "[0,%d]") "}", N, 2 * N);
  size_t size = 8 + (size_t)n + sizeof raw;
  unsigned char *p = calloc(1, size);
  p[0] = (unsigned char)n;
  memcpy(p + 8, header, (size_t)n);
  for (size_t i = 0; i < sizeof raw; i++)   /* no NaN: high bits alternate */
    p[8 + (size_t)n + i] = (unsigned char)(i % 2 ? 0x3f : i / 2 * 7);
  CHECK(load_bytes(p, size, &f) == RNL_OK);
  int same = f != NULL;
  for (size_t i = 0; same && i < N; i++) {
    uint32_t bits = 0x3f000000u | (uint32_t)(unsigned char)(i * 7) << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    same = rnl_get(rnl_file_tensor(f, 0), i) == (double)x;
  }
  CHECK(same);
  rnl_file_free(f);
  free(p);
}


/* What is no regular file. */
static void test_places (void) {
  rnl_File *f;
  CHECK(load(folder, &f) == RNL_EFORMAT);
  CHECK(load("/dev/null", &f) == RNL_EFORMAT);
  CHECK(mkfifo(at("fifo"), 0600) == 0);
  CHECK(load(at("fifo"), &f) == RNL_EFORMAT);   /* and does not wait */
  CHECK(load(at("missing"), &f) == RNL_EIO);
  CHECK(strstr(rnl_errmsg(ctx), "No such file"));
  CHECK(load("", &f) == RNL_EIO);
  CHECK(load(at("fifo/b"), &f) == RNL_EIO);
  unlink(at("fifo"));
}

/* }====================================================================== */


/* {== Tensors one by one ================================================= */

static const char several[] =
  "{\"__metadata__\":{\"k\":\"v\",\"a\":\"\"},"
  "\"z\":" T("F32", "[2]", "[0,8]") "," "\"d\":" T("F64", "[]", "[8,16]") ","
  "\"h\":" T("F16", "[1,2]", "[16,20]") ",\"b\":" T("BF16", "[1]", "[20,22]")
  ",\"i\":" T("I32", "[1]", "[22,26]") ",\"e\":" T("F32", "[0]", "[26,26]")
  "}    ";

enum { HEADER = sizeof several - 1, SEVERAL = 8 + HEADER + 26 };


static void make_several (unsigned char p[SEVERAL]) {
  static const unsigned char data[26] = {
    0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xbf,     /* 1, -1 */
    0, 0, 0, 0, 0, 0, 0xf8, 0x3f,           /* 1.5 */
    0, 0x3c, 0, 0xc0,                       /* 1, -2 */
    0x40, 0x40, 7, 0, 0, 0};                /* 3, 7 */
  memset(p, 0, 8);
  p[0] = HEADER & 255;
  p[1] = HEADER >> 8;
  memcpy(p + 8, several, HEADER);
  memcpy(p + 8 + HEADER, data, sizeof data);
}


/* A source of these bytes, from a file if 'path' is given. */
static rnli_Source *source_of (const unsigned char *p, size_t n,
                               const char *path) {
  rnli_Source *s = NULL;
  if (path) spill(path, p, n);
  int status = path ? rnli_source_open(ctx, path, 0, &s)
                    : rnli_source_memory(ctx, p, n, "bytes", &s);
  CHECK_MSG(status == RNL_OK, "%s", rnl_errmsg(ctx));
  return s;
}


/* Reads a tensor by its name. */
static int floats (rnli_Source *s, const char *name, float *x, size_t *n) {
  rnli_Stored t;
  CHECK(rnli_source_find(s, name, &t) && strcmp(t.name, name) == 0);
  *n = t.count;
  return rnli_source_floats(s, &t, 0, t.count, x);
}


static int floats_fail (rnli_Source *s, const char *name, const char *says) {
  float x[2];
  size_t n;
  int status = floats(s, name, x, &n);
  return status == RNL_EFORMAT && strstr(rnl_errmsg(ctx), says);
}


static void test_source (const char *path) {
  static const struct { const char *name; float want[2]; size_t n; } has[] = {
    {"z", {1, -1}, 2}, {"b", {3}, 1}, {"h", {1, -2}, 2}, {"d", {1.5f}, 1},
    {"e", {0}, 0}};
  unsigned char p[SEVERAL];
  make_several(p);
  rnli_Source *s = source_of(p, sizeof p, path);
  rnli_Stored t;
  CHECK(s->n == 6 && s->nmeta == 2 && !rnli_source_find(s, "zz", &t));
  CHECK(strcmp(rnli_source_meta(s, "k"), "v") == 0 && !rnli_source_meta(s, ""));
  for (size_t i = 0; i < sizeof has / sizeof *has; i++) {   /* in any order */
    float x[2] = {0};
    size_t n;
    CHECK(floats(s, has[i].name, x, &n) == RNL_OK && n == has[i].n);
    CHECK_MSG(memcmp(x, has[i].want, sizeof x) == 0, "%s", has[i].name);
    if (n < 2 || !rnli_source_find(s, has[i].name, &t)) continue;
    CHECK(rnli_source_floats(s, &t, 1, 1, x) == RNL_OK);   /* a part of it */
    CHECK_MSG(memcmp(x, &has[i].want[1], sizeof *x) == 0, "%s", has[i].name);
  }
  CHECK(floats_fail(s, "i", "tensor 'i' holds integers (I32)"));
  CHECK(rnli_source_check(s) == RNL_OK);
  rnli_source_shut(s);
  CHECK(strcmp(rnli_source_name(s, 0), "z") == 0);
  rnli_source_close(s);
  p[8 + HEADER + 6] = p[8 + HEADER + 7] = 0xff;   /* NaN */
  p[8 + HEADER + 15] = 0x7f;                      /* 2^1017, nearly */
  p[8 + HEADER + 17] = 0x7c;                      /* infinite */
  s = source_of(p, sizeof p, path);
  CHECK(floats_fail(s, "z", "tensor 'z': its number 1 is not finite"));
  CHECK(floats_fail(s, "d", "tensor 'd': its number 0 is not finite"));
  CHECK(floats_fail(s, "h", "tensor 'h': its number 0 is not finite"));
  CHECK(rnli_source_check(s) == RNL_OK);
  rnli_source_close(s);
}


/* A digest is compared piece by piece; one bit anywhere shows. */
static void test_digest (void) {
  static const int dim[] = {50001};
  rnl_Named t = {"w", NULL};
  rnli_Source *s;
  CHECK(rnl_tensor_new(ctx, RNL_F32, 1, dim, &t.tensor) == RNL_OK);
  CHECK(rnl_file_save(ctx, at("case"), &t, 1, NULL, 0) == RNL_OK);
  Bytes b = slurp(at("case"));
  for (int k = 0; k < 20; k++) {
    size_t i = k < 4 ? b.n - 1 - (size_t)k
                     : b.n - 1 - rnl_rng_next(rnl_rng(ctx)) % 200004;
    b.p[i] ^= 1;
    s = source_of(b.p, b.n, NULL);
    CHECK(rnli_source_check(s) == RNL_EFORMAT);
    CHECK(strstr(rnl_errmsg(ctx), "bytes: is damaged"));
    rnli_source_close(s);
    b.p[i] ^= 1;
  }
  s = source_of(b.p, b.n, NULL);
  CHECK(rnli_source_check(s) == RNL_OK);
  rnli_source_close(s);
  rnl_release(t.tensor);
  free(b.p);
}


/* A file that shrinks, or is too large for who asks. */
static void test_shrinks (void) {
  unsigned char p[SEVERAL];
  float x[2];
  size_t n;
  make_several(p);
  rnli_Source *s = source_of(p, sizeof p, at("case"));
  CHECK(truncate(at("case"), 8 + HEADER + 7) == 0);
  CHECK(floats(s, "z", x, &n) == RNL_EFORMAT);
  CHECK(strstr(rnl_errmsg(ctx), "truncated"));
  CHECK(rnli_source_check(s) == RNL_EFORMAT);
  rnli_source_close(s);
  spill(at("case"), p, sizeof p);
  CHECK(rnli_source_open(ctx, at("case"), sizeof p - 1, &s) == RNL_EFORMAT);
  CHECK(!s && strstr(rnl_errmsg(ctx), "at most"));
  CHECK(rnli_source_open(ctx, at("case"), sizeof p, &s) == RNL_OK);
  rnli_source_close(s);
  unlink(at("case"));
}

/* }====================================================================== */

/* {== Mutations and memory =============================================== */

/* What a context has asked its allocator for. */
typedef struct Heap {
  size_t live, peak;
} Heap;


static void *heap_alloc (void *ud, void *p, size_t osize, size_t nsize) {
  Heap *h = ud;
  if (nsize == 0) {
    if (p) h->live -= osize;
    free(p);
    return NULL;
  }
  h->live += nsize;
  if (h->live > h->peak) h->peak = h->live;
  return malloc(nsize);
}


/* Reads all there is in a file in memory; 'peak' is what that takes. */
static int read_whole (rnl_Context *counted, Heap *h, const void *p, size_t n,
                       size_t *peak) {
  rnli_Source *s;
  float x[64];
  size_t before = h->peak = h->live;
  int status = rnli_source_memory(counted, p, n, "bytes", &s);
  for (int i = 0; status == RNL_OK && i < s->n; i++) {
    rnli_Stored t;
    rnli_source_at(s, i, &t);
    if (t.type->dtype != RNL_I32 && t.count <= 64)
      (void)rnli_source_floats(s, &t, 0, t.count, x);
  }
  if (status == RNL_OK) status = rnli_source_check(s);
  rnli_source_close(s);
  CHECK(h->live == before);
  *peak = h->peak - before;
  return status;
}


/* A random edit of the header, from places of it to pieces of the grammar. */
static void edit (unsigned char *p) {
  static const char *const word[] = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "0", "-1",
    "4294967296", "18446744073709551615", "\"dtype\"", "\"shape\"", "\"F32\"",
    "\"I64\"", "\"U8\"", "\"F16\"", "\"data_offsets\"", "\"__metadata__\"",
    "[0,0]", "[[[[", "{}", " ", "1e3", "null", "\"\":{},"};
  rnl_Rng *g = rnl_rng(ctx);
  size_t i = rnl_rng_next(g) % HEADER, k = rnl_rng_next(g) % 24;
  size_t from = rnl_rng_next(g) % HEADER;
  const char *w = word[rnl_rng_next(g) % (sizeof word / sizeof *word)];
  switch (rnl_rng_next(g) % 4) {
    case 0: p[i] = (unsigned char)rnl_rng_next(g); return;
    case 1: p[i] ^= (unsigned char)(1u << rnl_rng_next(g) % 8); return;
    case 2:   /* a piece of it elsewhere */
      if (i + k <= HEADER && from + k <= HEADER) memmove(p + i, p + from, k);
      return;
    default:
      if (strlen(w) <= HEADER - i) memcpy(p + i, w, strlen(w));
  }
}


static void test_mutations (rnl_Context *counted, Heap *h, long times) {
  unsigned char p[SEVERAL];
  long taken = 0;
  for (long i = 0; i < times; i++) {
    size_t peak;
    make_several(p);
    for (uint64_t k = rnl_rng_next(rnl_rng(ctx)) % 3 + 1; k > 0; k--)
      edit(p + 8);
    int status = read_whole(counted, h, p, sizeof p, &peak);
    CHECK_MSG(status == RNL_OK || status == RNL_EFORMAT, "%ld", i);
    CHECK_MSG(peak <= 2 * sizeof p + (72 << 10), "%ld: %zu", i, peak);
    taken += status == RNL_OK;
  }
  CHECK_MSG(taken > times / 100, "%ld of %ld", taken, times);
}


/* Reading a dense header takes twice its size, and room for numbers. */
static void test_dense (rnl_Context *counted, Heap *h, const Dense *dense,
                        int N) {
  size_t n, peak;
  unsigned char *p = hostile_dense(dense, N, &n);
  int status = read_whole(counted, h, p, n, &peak);
  CHECK_MSG(status == (dense->verdict == OK ? RNL_OK : RNL_EFORMAT), "%s",
            dense->piece);
  CHECK_MSG(peak <= 2 * n + (72 << 10), "%s %d: %.2f", dense->piece, N,
            (double)peak / (double)n);
  free(p);
}


static void test_memory (long times) {
  Heap h = {0};
  rnl_Context *counted;
  CHECK(rnl_context_new(heap_alloc, &h, &counted) == RNL_OK);
  counted->exact = 1;   /* as that of a model */
  for (int k = 0; k < DENSES; k++)
    for (int N = 1000; N < 65536; N += N / 9)
      test_dense(counted, &h, &denses[k], N);
  test_mutations(counted, &h, times);
  rnl_context_release(counted);
  CHECK(h.live == 0);
}


/* Every request for memory fails, once or ever after. */
static void test_no_memory (int forever) {
  unsigned char p[SEVERAL];
  make_several(p);
  int status = RNL_ENOMEM;
  uint64_t k;
  for (k = 1; status == RNL_ENOMEM && k < 100; k++) {
    rnli_Source *s;
    size_t before = live();
    rnl_fail_alloc(ctx, k, forever);
    status = rnli_source_memory(ctx, p, sizeof p, "bytes", &s);
    rnl_fail_alloc(ctx, 0, 0);
    CHECK(status == RNL_OK || (!s && live() == before));
    CHECK(status == RNL_OK || strstr(rnl_errmsg(ctx), "not enough memory"));
    rnli_source_close(s);
  }
  CHECK(status == RNL_OK && k > 5);
}

/* }====================================================================== */


int main (int argc, char **argv) {
  if (!scratch_begin()) return 1;
  test_hostile();
  test_converted();
  test_long_conversion();
  test_places();
  test_source(NULL);
  test_source(at("case"));
  test_digest();
  test_shrinks();
  test_no_memory(0);
  test_no_memory(1);
  test_memory(argc > 1 ? atol(argv[1]) : 200000);
  return scratch_end("hostile");
}
