/*
** test_file.c - checkpoints: round trips, hostile files and their verdicts,
** damage of every kind, memory and system calls that fail, kill -9.
** "test_file N" also tries N random mutations.
**
** The system calls of the library are caught here: the definitions below take
** the place of libc's in this program, and fail, or move few bytes, on demand.
*/
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;
static char folder[64];           /* of this run, removed at its end */

/* {== System calls that fail on demand =================================== */

static struct {
  int fail_at;         /* calls until one fails; 0 = never */
  int forever;
  int code;            /* errno it fails with */
  int trickle;         /* few bytes at a time, and interruptions */
  char log[64];        /* one letter per call */
  size_t n;
} sys;


static void sys_reset (int fail_at, int forever, int code) {
  memset(&sys, 0, sizeof sys);
  sys.fail_at = fail_at;
  sys.forever = forever;
  sys.code = code;
}


/* Counts and logs a call; must it fail? */
static int sys_fails (char letter) {
  if (sys.n < sizeof sys.log - 1 && (!sys.n || sys.log[sys.n - 1] != letter))
    sys.log[sys.n++] = letter;
  if (sys.fail_at == 0 || --sys.fail_at > 0) return 0;
  if (sys.forever) sys.fail_at = 1;
  errno = sys.code;
  return 1;
}


/* The bytes of one read or write: with 'trickle' 1..7, and every third fails. */
static size_t sys_amount (size_t n) {
  if (!sys.trickle) return n;
  if (++sys.trickle % 3 == 0) {
    errno = EINTR;
    return 0;
  }
  size_t few = (size_t)sys.trickle % 7 + 1;
  return n < few ? n : few;
}


int openat (int dir, const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
  va_end(ap);
  if (sys_fails('o')) return -1;
  return (int)syscall(SYS_openat, dir, path, flags, mode);
}


int open (const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
  va_end(ap);
  if (sys_fails('O')) return -1;
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


ssize_t read (int fd, void *to, size_t n) {
  if (sys_fails('r')) return -1;
  size_t amount = sys_amount(n);
  if (n && !amount) return -1;
  return (ssize_t)syscall(SYS_read, fd, to, amount);
}


ssize_t write (int fd, const void *from, size_t n) {
  if (sys_fails('w')) return -1;
  size_t amount = sys_amount(n);
  if (n && !amount) return -1;
  return (ssize_t)syscall(SYS_write, fd, from, amount);
}


int fsync (int fd) {
  return sys_fails('s') ? -1 : (int)syscall(SYS_fsync, fd);
}


int close (int fd) {   /* as on Linux: closed even when it fails */
  int fails = sys_fails('c');
  int code = errno;
  int result = (int)syscall(SYS_close, fd);
  if (fails) errno = code;
  return fails ? -1 : result;
}


int renameat (int from, const char *old, int to, const char *new) {
  if (sys_fails('m')) return -1;
  return (int)syscall(SYS_renameat, from, old, to, new);
}

/* }====================================================================== */

/* {== Files ============================================================== */

typedef struct Bytes {
  unsigned char *p;
  size_t n;
} Bytes;


/* "folder/name"; good until the eighth call from now. */
static const char *at (const char *name) {
  static char path[8][192];
  static int turn;
  turn = (turn + 1) % 8;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}


static void spill (const char *path, const void *p, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(p, 1, n, f) != n) perror(path);
  if (f) fclose(f);
}


static Bytes slurp (const char *path) {
  Bytes b = {NULL, 0};
  FILE *f = fopen(path, "rb");
  if (!f) return b;
  fseek(f, 0, SEEK_END);
  b.n = (size_t)ftell(f);
  rewind(f);
  b.p = malloc(b.n + 1);
  if (!b.p || fread(b.p, 1, b.n, f) != b.n) perror(path);
  fclose(f);
  return b;
}


/* Compares a file with bytes. */
static int file_is (const char *path, const Bytes *want) {
  Bytes got = slurp(path);
  int same = got.p && got.n == want->n && memcmp(got.p, want->p, got.n) == 0;
  free(got.p);
  return same;
}


/* Entries of the folder: temporary files that stay would show. */
static int entries (void) {
  int n = 0;
  DIR *d = opendir(folder);
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}


static size_t live (void) {
  rnl_Memory m;
  rnl_memory(ctx, &m);
  return m.live;
}

/* }====================================================================== */

/* {== A checkpoint of everything ========================================= */

enum { NTENSOR = 7, NMETA = 4 };

static rnl_Named model[NTENSOR];

static const rnl_Meta meta[NMETA] = {
  {"tokenizer", "\"quoted\" \\ \n \x01 \x7f \xf0\x9f\x98\x80"},
  {"", "empty key"}, {"a", ""}, {"rnnlua.digest", "replaced"}
};


static rnl_Tensor *filled (rnl_Dtype dtype, int ndim, const int *dim) {
  rnl_Tensor *t = NULL;
  CHECK(rnl_tensor_new(ctx, dtype, ndim, dim, &t) == RNL_OK);
  for (size_t i = 0; i < rnl_count(t); i++)
    rnl_set(t, i, (double)(i * 37 % 101) - 50);
  return t;
}


static void make_model (void) {
  static const int d23[] = {2, 3}, d3[] = {3}, d0[] = {4, 0, 2};
  static const int d8[] = {1, 2, 1, 1, 3, 1, 1, 2};
  model[0] = (rnl_Named){"z.weight", filled(RNL_F32, 2, d23)};
  model[1] = (rnl_Named){"scalar", filled(RNL_F32, 0, NULL)};
  model[2] = (rnl_Named){"ids", filled(RNL_I32, 1, d3)};
  model[3] = (rnl_Named){"double", filled(RNL_F64, 1, d3)};
  model[4] = (rnl_Named){"empty", filled(RNL_F32, 3, d0)};
  model[5] = (rnl_Named){"eight", filled(RNL_F64, 8, d8)};
  model[6] = (rnl_Named){"na\"me \xc3\xa9", filled(RNL_I32, 0, NULL)};
  ((float *)rnl_data(model[0].tensor))[1] = NAN;
  ((float *)rnl_data(model[0].tensor))[2] = -INFINITY;
  rnl_set(model[2].tensor, 0, -2147483648.0);
}


static void free_model (void) {
  for (int i = 0; i < NTENSOR; i++) rnl_release(model[i].tensor);
}


static int same_tensor (rnl_Tensor *a, rnl_Tensor *b) {
  size_t bytes = rnl_count(a) * rnl_dtype_size(rnl_dtype(a));
  return rnl_dtype(a) == rnl_dtype(b) && rnl_ndim(a) == rnl_ndim(b) &&
         memcmp(rnl_shape(a), rnl_shape(b),
                (size_t)rnl_ndim(a) * sizeof(int)) == 0 &&
         memcmp(rnl_data(a), rnl_data(b), bytes) == 0;
}


static rnl_Tensor *find (const rnl_File *f, const char *name) {
  for (int i = 0; i < rnl_file_count(f); i++)
    if (strcmp(rnl_file_name(f, i), name) == 0) return rnl_file_tensor(f, i);
  return NULL;
}


static int is_model (const rnl_File *f) {
  int same = rnl_file_count(f) == NTENSOR;
  for (int i = 0; same && i < NTENSOR; i++) {
    rnl_Tensor *t = find(f, model[i].name);
    same = t && same_tensor(t, model[i].tensor);
  }
  return same;
}


static int save_model (const char *path) {
  return rnl_file_save(ctx, path, model, NTENSOR, meta, NMETA);
}


/* Saves what a file holds. */
static int save_again (const char *path, const rnl_File *f) {
  rnl_Named named[NTENSOR];
  rnl_Meta m[NMETA];
  for (int i = 0; i < NTENSOR; i++)
    named[i] = (rnl_Named){rnl_file_name(f, i), rnl_file_tensor(f, i)};
  for (int i = 0; i < NMETA; i++)
    m[i] = (rnl_Meta){rnl_file_meta_key(f, i), rnl_file_meta_value(f, i)};
  return rnl_file_save(ctx, path, named, NTENSOR, m, NMETA);
}


/*
** Loads; an error must come with RNL_EFORMAT and a text that begins with the
** path. Returns the status.
*/
static int load (const char *path, rnl_File **f) {
  size_t before = live();
  *f = NULL;
  int status = rnl_file_load(ctx, path, f);
  if (status == RNL_OK) return status;
  const char *text = rnl_errmsg(ctx);
  CHECK_MSG(*f == NULL && live() == before, "%s", text);
  CHECK_MSG(status != RNL_EFORMAT || (strncmp(text, path, strlen(path)) == 0 &&
            strlen(text) > strlen(path) + 8), "%s", text);
  return status;
}

/* }====================================================================== */

/* {== Round trips ======================================================== */

static void test_round_trip (void) {
  rnl_File *f;
  CHECK_MSG(save_model(at("a")) == RNL_OK, "%s", rnl_errmsg(ctx));
  Bytes a = slurp(at("a"));
  if (CHECK_MSG(load(at("a"), &f) == RNL_OK, "%s", rnl_errmsg(ctx))) {
    CHECK(is_model(f));
    CHECK(rnl_file_meta_count(f) == NMETA);
    CHECK(strcmp(rnl_file_meta_key(f, 0), "") == 0);
    CHECK(strcmp(rnl_file_meta_key(f, 2), "rnnlua.digest") == 0);
    CHECK(strlen(rnl_file_meta_value(f, 2)) == 16);
    CHECK(strcmp(rnl_file_meta_value(f, 3), meta[0].value) == 0);
    CHECK(strcmp(rnl_file_name(f, 0), "double") == 0);   /* F64 first */
    CHECK(strcmp(rnl_file_name(f, 2), "empty") == 0);
    CHECK(strcmp(rnl_file_name(f, 6), "z.weight") == 0);
    CHECK(save_again(at("b"), f) == RNL_OK);
    CHECK(file_is(at("b"), &a));                 /* save(load(x)) == x */
    rnl_file_free(f);
  }
  rnl_Named back[NTENSOR];
  for (int i = 0; i < NTENSOR; i++) back[i] = model[NTENSOR - 1 - i];
  CHECK(rnl_file_save(ctx, at("b"), back, NTENSOR, meta, NMETA) == RNL_OK);
  CHECK(file_is(at("b"), &a));                   /* order does not matter */
  unlink(at("b"));
  free(a.p);
}


/* The bytes of a small checkpoint, as the reference library lays them out. */
static void test_layout (void) {
  static const char want[] =
    "\x98\0\0\0\0\0\0\0"
    "{\"__metadata__\":{\"k\":\"v\",\"rnnlua.digest\":\"????????????????\"},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
  static const int dim[] = {1, 2};
  static const rnl_Meta m = {"k", "v"};
  rnl_Named t = {"b", filled(RNL_F32, 2, dim)};
  CHECK(rnl_file_save(ctx, at("small"), &t, 1, &m, 1) == RNL_OK);
  Bytes b = slurp(at("small"));
  size_t header = 8;
  for (int i = 0; i < 8 && b.n > 8; i++) header += (size_t)b.p[i] << 8 * i;
  CHECK(header % 8 == 0 && b.n == header + 8);
  for (size_t i = 8; i < sizeof want - 1; i++)
    CHECK_MSG(want[i] == '?' || b.p[i] == (unsigned char)want[i], "%zu", i);
  for (size_t i = sizeof want - 1; i < header; i++) CHECK(b.p[i] == ' ');
  rnl_release(t.tensor);
  free(b.p);
}


static void test_nothing (void) {
  rnl_File *f;
  CHECK(rnl_file_save(ctx, at("none"), NULL, 0, NULL, 0) == RNL_OK);
  CHECK(load(at("none"), &f) == RNL_OK);
  CHECK(f && rnl_file_count(f) == 0 && rnl_file_meta_count(f) == 1);
  rnl_file_free(f);
  rnl_file_free(NULL);
  unlink(at("none"));
}


/* A file outlives the context that the user let go of. */
static void test_lifetime (void) {
  rnl_Context *own;
  rnl_File *f = NULL;
  CHECK(rnl_context_new(NULL, NULL, &own) == RNL_OK);
  CHECK(rnl_file_load(own, at("a"), &f) == RNL_OK);
  rnl_context_release(own);
  CHECK(is_model(f));
  rnl_Tensor *t = rnl_file_tensor(f, 0);
  rnl_retain(t);
  rnl_file_free(f);
  CHECK(rnl_count(t) > 0);
  rnl_release(t);
}


static int save_named (const char *name, int n) {
  rnl_Named t[2] = {{name, model[0].tensor}, {name, model[1].tensor}};
  return rnl_file_save(ctx, at("bad"), t, n, NULL, 0);
}


static int save_meta (const char *key, const char *value, int n) {
  rnl_Meta m[2] = {{key, value}, {key, value}};
  return rnl_file_save(ctx, at("bad"), NULL, 0, m, n);
}


/* What the writer refuses; nothing is written then. */
static void test_refused (void) {
  static const char *const bad[] = {
    "", "\x01", "a\x1f", "\x7f", "\xff", "\xc0\x80", "\xed\xa0\x80",
    "\xf4\x90\x80\x80", "__metadata__"};
  char name[514];
  memset(name, 'x', 513);
  name[513] = '\0';
  int before = entries();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(save_named(bad[i], 1) == RNL_EARG);
    CHECK(i == 0 || i == 8 || strstr(rnl_errmsg(ctx), "'?") ||
          strstr(rnl_errmsg(ctx), "?'"));
  }
  CHECK(save_named(name, 1) == RNL_EARG);
  CHECK(save_named("twice", 2) == RNL_EARG);
  CHECK(strstr(rnl_errmsg(ctx), "twice"));
  CHECK(save_meta("k", "\xff", 1) == RNL_EARG);
  CHECK(save_meta("\xc3", "v", 1) == RNL_EARG);
  CHECK(save_meta("k", "v", 2) == RNL_EARG);
  CHECK(rnl_file_save(ctx, at("bad"), NULL, -1, NULL, 0) == RNL_EARG);
  CHECK(rnl_file_save(ctx, at("bad"), NULL, 0, NULL, 65536) == RNL_EARG);
  CHECK(rnl_file_save(ctx, at("bad"), model, 65537, NULL, 0) == RNL_EARG);
  CHECK(entries() == before);
  name[512] = '\0';
  CHECK(save_named(name, 1) == RNL_OK);
  unlink(at("bad"));
}


/* As many tensors as there may be. */
static void test_many (void) {
  enum { MOST = 65536 };
  rnl_Named *t = malloc(MOST * sizeof *t);
  char *text = malloc(MOST * 12);
  rnl_File *f;
  for (int i = 0; t && text && i < MOST; i++) {
    snprintf(text + 12 * i, 12, "%d", i);
    t[i] = (rnl_Named){text + 12 * i, model[1].tensor};
  }
  CHECK(rnl_file_save(ctx, at("many"), t, MOST, NULL, 0) == RNL_OK);
  CHECK_MSG(load(at("many"), &f) == RNL_OK, "%s", rnl_errmsg(ctx));
  CHECK(f && rnl_file_count(f) == MOST);
  rnl_file_free(f);
  unlink(at("many"));
  free(t);
  free(text);
}

/* }====================================================================== */

/* {== Hostile files ====================================================== */

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
  {H("{" A "}"), 3, NO, "truncated"},
  {H("{}"), 1, NO, "data"},
  {H("  "), 0, NO, "begin"},

  /* JSON */
  {H("{" A), 4, NO, "JSON"},
  {H("{" A ",}"), 4, NO, "JSON"},
  {H("{," A "}"), 4, NO, "JSON"},
  {H("{\"a\" " T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"a\":" T("F32", "[1,]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"a\":" T("F32", "[1 1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"a\":" T("F32", "[1}", "[0,4]") "}"), 4, NO, "byte"},
  {H("{/**/" A "}"), 4, NO, "'/' at byte"},
  {H("{//\n" A "}"), 4, NO, "'/'"},
  {H("{'a':" T("F32", "[1]", "[0,4]") "}"), 4, NO, "byte 9"},
  {H("{a:" T("F32", "[1]", "[0,4]") "}"), 4, NO, "'a' at byte 9"},
  {H("{\"a"), 0, NO, "without an end"},
  {H("{\"a\\"), 0, NO, "without an end"},
  {H("{\"a\\u12"), 0, NO, "without an end"},
  {H("{\"\\x\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"\\u12g4\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"\\ud800\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"\\ud800\\u0041\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"\\udc00\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"\\u0000\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"a\0b\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "control"},
  {H("{\"a\nb\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "control"},
  {H("{\"\xff\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8 at byte 10"},
  {H("{\"\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xc0\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xed\xa0\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{\"\xf4\x90\x80\x80\":" T("F32", "[1]", "[0,4]") "}"), 4, NO, "UTF-8"},
  {H("{" A "}\xc3"), 4, NO, "UTF-8"},

  /* numbers */
  {H("{\"a\":" T("F32", "[1.0]", "[0,4]") "}"), 4, NO, "'.'"},
  {H("{\"a\":" T("F32", "[1e0]", "[0,4]") "}"), 4, NO, "'e'"},
  {H("{\"a\":" T("F32", "[1]", "[-0,4]") "}"), 4, NO, "'-'"},
  {H("{\"a\":" T("F32", "[-1]", "[0,4]") "}"), 4, NO, "'-'"},
  {H("{\"a\":" T("F32", "[01]", "[0,4]") "}"), 4, NO, "JSON"},
  {H("{\"a\":" T("F32", "[+1]", "[0,4]") "}"), 4, NO, "'+'"},
  {H("{\"a\":" T("F32", "[0x1]", "[0,4]") "}"), 4, NO, "'x'"},
  {H("{\"a\":" T("F32", "[\"1\"]", "[0,4]") "}"), 4, NO, "extent"},
  {H("{\"a\":" T("F32", "[1]", "[\"0\",4]") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":" T("F32", "[1]", "[0,18446744073709551620]") "}"), 4, NO,
   "JSON"},
  {H("{\"a\":" T("F32", "[9223372036854775808]", "[0,4]") "}"), 4, NO,
   "JSON"},
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
  {H("{\"a\":[]}"), 0, NO, "'['"},
  {H("{\"a\":null}"), 0, NO, "'n'"},
  {H("{\"a\":true}"), 0, NO, "'t'"},
  {H("{\"a\":NaN}"), 0, NO, "'N'"},
  {H("{\"a\":" T("F32", "{}", "[0,4]") "}"), 4, NO, "'{'"},
  {H("{\"a\":" T("F32", "1", "[0,4]") "}"), 4, NO, "shape"},
  {H("{\"a\":" T("F32", "[[1]]", "[0,4]") "}"), 4, NO, "'['"},
  {H("{\"a\":" T("F32", "[1]", "4") "}"), 4, NO, "data_offsets"},
  {H("{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}"), 4, NO,
   "dtype"},
  {H("{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}"), 4, NO, "','"},

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
  {H("{\"__metadata__\":null}"), 0, NO, "'n'"},
  {H("{\"__metadata__\":[]}"), 0, NO, "'['"},
  {H("{\"__metadata__\":\"\"}"), 0, NO, "__metadata__"},
  {H("{\"__metadata__\":{\"k\":1}}"), 0, NO, "'k'"},
  {H("{\"__metadata__\":{\"k\":[]}}"), 0, NO, "'k'"},
  {H("{\"__metadata__\":{\"k\":{}}}"), 0, NO, "'{'"},
  {H("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}"), 0, NO, "duplicate"},
  {H("{\"__metadata__\":{},\"__metadata__\":{}}"), 0, NO, "duplicate"},
  {H("{\"__metadata__\":{\"k\":\"\\u0000\"}}"), 0, NO, "JSON"},
  {H("{\"__metadata__\":{\"rnnlua.digest\":\"\"}," A "}"), 4, NO, "damaged"},
  {H("{\"__metadata__\":{\"rnnlua.digest\":\"0123456789abcdef\"}," A "}"), 4,
   NO, "damaged"}
};


/* Writes a file with this header and data bytes of 'fill'; loads it. */
static int load_made (const char *header, size_t n, size_t data, int fill,
                      rnl_File **f) {
  unsigned char *p = calloc(1, 8 + n + data);
  for (int i = 0; i < 8; i++) p[i] = (unsigned char)((uint64_t)n >> 8 * i);
  memcpy(p + 8, header, n);
  memset(p + 8 + n, fill, data);
  spill(at("case"), p, 8 + n + data);
  free(p);
  return load(at("case"), f);
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
    {100000001, 64}, {0x7fffffff, 64}};
  rnl_File *f;
  for (size_t i = 0; i < sizeof frame / sizeof *frame; i++) {
    unsigned char p[64];
    memset(p, '{', sizeof p);
    for (int k = 0; k < 8; k++)
      p[k] = (unsigned char)(frame[i].n >> 8 * k);
    spill(at("case"), p, frame[i].size);
    CHECK_MSG(load(at("case"), &f) == RNL_EFORMAT, "%zu", i);
  }
  CHECK(truncate(at("case"), 100000100) == 0);   /* sparse: a long header */
  CHECK(load(at("case"), &f) == RNL_EFORMAT);
  if (truncate(at("case"), ((off_t)16 << 30) + 1) == 0) {
    CHECK(load(at("case"), &f) == RNL_EFORMAT);
    CHECK(strstr(rnl_errmsg(ctx), "16 GiB"));
  }
}


static void test_hostile (void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    test_case(&cases[i], (int)i);
  test_deep("{\"a\":", '[', ']', 100000);
  test_deep("{\"a\":{\"x\":", '[', ']', 100);
  test_deep("", '{', '}', 100000);
  test_deep("{", '}', '[', 100000);
  test_counts();
  test_frames();
  unlink(at("case"));
}


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
    spill(at("case"), p, 8 + value[i].n + value[i].bytes);
    int status = load(at("case"), &f);
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
  spill(at("case"), p, size);
  CHECK(load(at("case"), &f) == RNL_OK);
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
  unlink(at("case"));
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
  CHECK(load(at("a/b"), &f) == RNL_EIO);
}

/* }====================================================================== */

/* {== Damage ============================================================= */

/*
** Loads the damaged bytes of the model's file: an error, or the same shapes
** and numbers (a name or a key may differ).
*/
static int load_damaged (const unsigned char *p, size_t n, int *loaded) {
  rnl_File *f;
  spill(at("hurt"), p, n);
  int status = load(at("hurt"), &f);
  *loaded = status == RNL_OK;
  if (status != RNL_OK) return status == RNL_EFORMAT;
  int same = rnl_file_count(f) == NTENSOR;
  for (int i = 0; same && i < NTENSOR; i++) {
    rnl_Tensor *t = rnl_file_tensor(f, i);
    int found = 0;
    for (int k = 0; k < NTENSOR; k++)
      found = found || same_tensor(t, model[k].tensor);
    same = found;
  }
  rnl_file_free(f);
  return same;
}


static void test_damage (void) {
  Bytes a = slurp(at("a"));
  int loaded;
  size_t data = 8;   /* where it begins */
  for (int i = 0; i < 8; i++) data += (size_t)a.p[i] << 8 * i;
  for (size_t n = 0; n < a.n; n++) {
    load_damaged(a.p, n, &loaded);
    CHECK_MSG(!loaded, "cut at %zu", n);
  }
  for (size_t i = 0; i < a.n; i++) {
    unsigned char was = a.p[i];
    for (int k = 0; k < 10; k++) {
      a.p[i] = (unsigned char)(k < 8 ? was ^ 1 << k : k == 8 ? 0 : 0xff);
      if (a.p[i] == was) continue;
      CHECK_MSG(load_damaged(a.p, a.n, &loaded), "byte %zu: %d", i, k);
      CHECK_MSG(!loaded || i < data, "byte %zu: %d", i, k);
    }
    a.p[i] = was;
  }
  CHECK(load_damaged(a.p, a.n, &loaded) && loaded);
  free(a.p);
  unlink(at("hurt"));
}


/* Random edits of a sound file: bytes, cuts, repeats, pieces of the grammar. */
static size_t mutate (unsigned char *p, size_t n, size_t room) {
  static const char *const word[] = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "0", "-1",
    "4294967296", "18446744073709551615", "\"dtype\"", "\"shape\"", "\"F32\"",
    "\"I64\"", "\"U8\"", "\"F16\"", "\"data_offsets\"", "\"__metadata__\"",
    "[0,0]", "[[[[", "{}", " "};
  rnl_Rng *g = rnl_rng(ctx);
  for (uint64_t edits = rnl_rng_next(g) % 4 + 1; edits && n; edits--) {
    size_t i = rnl_rng_next(g) % n, k = rnl_rng_next(g) % 24;
    const char *w = word[rnl_rng_next(g) % (sizeof word / sizeof *word)];
    switch (rnl_rng_next(g) % 6) {
      case 0: p[i] = (unsigned char)rnl_rng_next(g); break;
      case 1: p[i] ^= (unsigned char)(1u << rnl_rng_next(g) % 8); break;
      case 2: n = rnl_rng_next(g) % 8 ? n : i; break;
      case 3:   /* a piece of it once more */
        if (k > n - i) k = n - i;
        if (n + k > room) break;
        memmove(p + i + k, p + i, n - i);
        n += k;
        break;
      case 4:   /* without a piece */
        if (k > n - i) k = n - i;
        memmove(p + i, p + i + k, n - i - k);
        n -= k;
        break;
      default:
        k = strlen(w);
        if (k <= n - i) memcpy(p + i, w, k);
    }
    if (n > 8 && rnl_rng_next(g) % 2) {   /* keep the frame believable */
      size_t header = 0;
      for (size_t at_ = 8; at_ < n; at_++)
        if (p[at_] == '}') header = at_ + 1 - 8;
      for (int b = 0; b < 8; b++)
        p[b] = (unsigned char)((uint64_t)header >> 8 * b);
    }
  }
  return n;
}


static void test_random (long times) {
  Bytes a = slurp(at("a"));
  unsigned char p[4096];
  long loaded = 0;
  for (long i = 0; i < times && a.n <= sizeof p; i++) {
    rnl_File *f;
    memcpy(p, a.p, a.n);
    spill(at("hurt"), p, mutate(p, a.n, sizeof p));
    int status = load(at("hurt"), &f);
    CHECK_MSG(status == RNL_OK || status == RNL_EFORMAT, "%ld: %d", i, status);
    loaded += status == RNL_OK;
    rnl_file_free(f);
  }
  if (times > 10000) printf("%ld of %ld mutations loaded\n", loaded, times);
  free(a.p);
  unlink(at("hurt"));
}

/* }====================================================================== */

/* {== Memory that is refused ============================================= */

static void test_no_memory (int forever) {
  Bytes a = slurp(at("a"));
  int status = RNL_ENOMEM, before = entries();
  uint64_t k;
  for (k = 1; status == RNL_ENOMEM && k < 10000; k++) {
    rnl_File *f;
    rnl_fail_alloc(ctx, k, forever);
    status = load(at("a"), &f);
    rnl_fail_alloc(ctx, 0, 0);
    CHECK(status == RNL_OK || strstr(rnl_errmsg(ctx), "not enough memory"));
    if (status == RNL_OK) CHECK(is_model(f));
    rnl_file_free(f);
  }
  CHECK(status == RNL_OK && k > NTENSOR);
  status = RNL_ENOMEM;
  for (k = 1; status == RNL_ENOMEM && k < 10000; k++) {
    size_t was = live();
    rnl_fail_alloc(ctx, k, forever);
    status = save_model(at("a"));
    rnl_fail_alloc(ctx, 0, 0);
    CHECK(status == RNL_OK || strstr(rnl_errmsg(ctx), "not enough memory"));
    CHECK(live() == was);
    CHECK(file_is(at("a"), &a));
    CHECK(entries() == before);
  }
  CHECK(status == RNL_OK && k > 3);
  free(a.p);
}


/* The JSON library's own allocations. */
static struct {
  long left;       /* requests until one fails; 0 = never */
  int forever;
  long live;
} json_heap;


static void *json_get (size_t n) {
  if (json_heap.left && --json_heap.left == 0) {
    if (json_heap.forever) json_heap.left = 1;
    return NULL;
  }
  json_heap.live++;
  return malloc(n);
}


static void json_put (void *p) {
  if (p) json_heap.live--;
  free(p);
}


static void test_no_json_memory (int forever) {
  int again = 1;
  json_set_alloc_funcs(json_get, json_put);
  for (long k = 1; again && k < 10000; k++) {
    rnl_File *f;
    json_heap.left = k;
    json_heap.forever = forever;
    int status = load(at("a"), &f);
    again = json_heap.left <= (forever ? 1 : 0);   /* did one fail? */
    json_heap.left = 0;
    CHECK_MSG(status == RNL_ENOMEM || status == RNL_EFORMAT ||
              (status == RNL_OK && is_model(f)), "%ld: %d", k, status);
    CHECK(again || status == RNL_OK);
    if (status == RNL_OK)   /* no byte of a string may be lost */
      CHECK_MSG(save_again(at("b"), f) == RNL_OK, "%ld", k);
    rnl_file_free(f);
    CHECK(json_heap.live == 0);
    Bytes a = slurp(at("a"));
    if (status == RNL_OK) CHECK_MSG(file_is(at("b"), &a), "%ld", k);
    free(a.p);
  }
  CHECK(!again);
  unlink(at("b"));
  json_set_alloc_funcs(malloc, free);
}

/* }====================================================================== */

/* {== A system that refuses ============================================== */

/* A failed save of 'path': the status, and everything as it was. */
static void check_save_fails (const char *path, int want) {
  Bytes a = slurp(at("a"));
  int before = entries();
  size_t was = live();
  CHECK_MSG(save_model(path) == want, "%s", path);
  CHECK_MSG(strncmp(rnl_errmsg(ctx), path, strlen(path)) == 0, "%s",
            rnl_errmsg(ctx));
  CHECK(live() == was && entries() == before && file_is(at("a"), &a));
  free(a.p);
}


static void test_bad_targets (void) {
  check_save_fails(at("no/where"), RNL_EIO);
  check_save_fails(folder, RNL_EIO);
  check_save_fails(at(""), RNL_EIO);
  check_save_fails("", RNL_EIO);
  check_save_fails(at("a/b"), RNL_EIO);
  check_save_fails(at("fifo"), RNL_EIO);
  struct stat st;
  CHECK(stat(at("fifo"), &st) == 0 && S_ISFIFO(st.st_mode));
  CHECK(symlink("fifo", at("link")) == 0);
  check_save_fails(at("link"), RNL_EIO);
  unlink(at("link"));
  unlink(at("fifo"));
  char name[280];
  memset(name, 'n', 270);
  name[270] = '\0';
  check_save_fails(name, RNL_EIO);
}


/* A folder that may be read, not written. */
static void test_read_only (void) {
  int root = geteuid() == 0;
  CHECK(chmod(folder, root ? 0755 : 0555) == 0);
  if (root && seteuid(65534) != 0) return;
  check_save_fails(at("a"), RNL_EIO);
  CHECK(strstr(rnl_errmsg(ctx), "Permission denied"));
  if (root) CHECK(seteuid(0) == 0);
  CHECK(chmod(folder, 0700) == 0);
}


/* A limit on the size of files, at every few bytes. */
static void test_limits (void) {
  struct rlimit was, now;
  Bytes a = slurp(at("a"));
  CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
  signal(SIGXFSZ, SIG_IGN);
  for (size_t n = 0; n < a.n; n += 41) {
    now = was;
    now.rlim_cur = n;
    CHECK(setrlimit(RLIMIT_FSIZE, &now) == 0);
    int status = save_model(at("a"));
    CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
    CHECK_MSG(status == RNL_EIO, "%zu", n);
    CHECK(strstr(rnl_errmsg(ctx), "File too large"));
    CHECK(file_is(at("a"), &a));
  }
  signal(SIGXFSZ, SIG_DFL);
  free(a.p);
}


/*
** Every system call fails, the k-th once or ever after. The old file stays;
** when only the last sync of the folder fails the new one, the same, is there.
*/
static void test_faults (int code, int forever) {
  Bytes a = slurp(at("a"));
  int before = entries(), status = RNL_EIO, k;
  for (k = 1; status == RNL_EIO && k < 1000; k++) {
    sys_reset(k, forever, code);
    status = save_model(at("a"));
    sys_reset(0, 0, 0);
    CHECK(file_is(at("a"), &a));
    CHECK_MSG(entries() == before, "call %d", k);
  }
  CHECK_MSG(k > 8, "%d", k);
  status = RNL_EIO;
  for (k = 1; status == RNL_EIO && k < 1000; k++) {
    rnl_File *f;
    sys_reset(k, forever, code);
    status = load(at("a"), &f);
    sys_reset(0, 0, 0);
    if (status == RNL_OK) CHECK(is_model(f));
    rnl_file_free(f);
  }
  CHECK_MSG(status == RNL_OK && k > 3, "%d", k);
  free(a.p);
}


/* Few bytes at a time, interrupted; and the order of the protocol. */
static void test_protocol (void) {
  Bytes a = slurp(at("a"));
  rnl_File *f;
  sys_reset(0, 0, 0);
  sys.trickle = 1;
  CHECK(save_model(at("a")) == RNL_OK);
  CHECK(load(at("a"), &f) == RNL_OK && is_model(f));
  rnl_file_free(f);
  sys_reset(0, 0, 0);
  CHECK(file_is(at("a"), &a));
  sys_reset(0, 0, 0);
  CHECK(save_model(at("a")) == RNL_OK);
  CHECK_MSG(strcmp(sys.log, "Oowscmsc") == 0, "%s", sys.log);
  sys_reset(0, 0, 0);
  free(a.p);
}


/* Mode, a path without a folder, a stale temporary file, a link. */
static void test_manners (void) {
  char stale[64], here[256];
  struct stat st;
  Bytes a = slurp(at("a"));
  mode_t mask = umask(027);
  int before = entries();
  snprintf(stale, sizeof stale, ".plain.tmp.%ld", (long)getpid());
  spill(at(stale), "stale", 5);
  CHECK(getcwd(here, sizeof here) && chdir(folder) == 0);
  CHECK(save_model("plain") == RNL_OK);
  CHECK(chdir(here) == 0);
  CHECK(entries() == before + 1);
  CHECK(stat(at("plain"), &st) == 0 && (st.st_mode & 0777) == 0640);
  CHECK(file_is(at("plain"), &a));
  CHECK(symlink("plain", at("link")) == 0);
  CHECK(save_model(at("link")) == RNL_OK);
  CHECK(lstat(at("link"), &st) == 0 && S_ISREG(st.st_mode));
  CHECK(file_is(at("plain"), &a) && file_is(at("link"), &a));
  umask(mask);
  unlink(at("plain"));
  unlink(at("link"));
  free(a.p);
}


/* Saves one after the other until it is killed. */
static void save_forever (void) {
  static const int dim[] = {128, 128};
  rnl_Named t = {"w", NULL};
  if (rnl_tensor_new(ctx, RNL_F32, 2, dim, &t.tensor) != RNL_OK) _exit(1);
  for (int i = 0;; i = (i + 1) % 1000) {
    for (size_t k = 0; k < rnl_count(t.tensor); k++) rnl_set(t.tensor, k, i);
    if (rnl_file_save(ctx, at("kill"), &t, 1, NULL, 0) != RNL_OK) _exit(1);
  }
}


static void test_kill (int times) {
  static const int dim[] = {128, 128};
  rnl_Named t = {"w", filled(RNL_F32, 2, dim)};
  CHECK(rnl_file_save(ctx, at("kill"), &t, 1, NULL, 0) == RNL_OK);
  rnl_release(t.tensor);
  for (int i = 0; i < times; i++) {
    rnl_File *f;
    char stale[64];
    int how;
    pid_t child = fork();
    if (child == 0) save_forever();
    usleep((useconds_t)(rnl_rng_next(rnl_rng(ctx)) % 5000));
    kill(child, SIGKILL);
    waitpid(child, &how, 0);
    CHECK(WIFSIGNALED(how));
    CHECK_MSG(load(at("kill"), &f) == RNL_OK, "%s", rnl_errmsg(ctx));
    rnl_file_free(f);
    snprintf(stale, sizeof stale, ".kill.tmp.%ld", (long)child);
    unlink(at(stale));
  }
  unlink(at("kill"));
}

/* }====================================================================== */

int main (int argc, char **argv) {
  const char *tmp = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.40s/rnnlua-file-XXXXXX",
           tmp && *tmp ? tmp : "/tmp");
  if (rnl_context_new(NULL, NULL, &ctx) != RNL_OK || !mkdtemp(folder)) {
    perror(folder);
    return 1;
  }
  make_model();
  test_round_trip();
  test_layout();
  test_nothing();
  test_lifetime();
  test_refused();
  test_many();
  test_hostile();
  test_converted();
  test_long_conversion();
  test_places();
  test_damage();
  test_random(argc > 1 ? atol(argv[1]) : 2000);
  for (int forever = 0; forever < 2; forever++) {
    test_no_memory(forever);
    test_no_json_memory(forever);
    test_faults(ENOSPC, forever);
    test_faults(EIO, forever);
  }
  test_bad_targets();
  test_read_only();
  test_limits();
  test_protocol();
  test_manners();
  test_kill(50);
  unlink(at("a"));
  unlink(at("small"));
  CHECK_MSG(rmdir(folder) == 0, "%s is not empty", folder);
  free_model();
  rnl_context_release(ctx);
  return harness_end("file");
}
