/*
** test_file.c - checkpoints: round trips, damage of every kind, memory and
** system calls that fail, kill -9.
** "test_file N" also tries N random mutations.
**
** The system calls of the library are caught here: the definitions below take
** the place of libc's in this program, and fail, or move few bytes, on demand.
*/
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "scratch.h"

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


/* Bytes of one read or write: with 'trickle' 1..7, and every third fails. */
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


ssize_t pread (int fd, void *to, size_t n, off_t from) {
  if (sys_fails('r')) return -1;
  size_t amount = sys_amount(n);
  if (n && !amount) return -1;
  return (ssize_t)syscall(SYS_pread64, fd, to, amount, from);
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
  model[3] = (rnl_Named){"y.double", filled(RNL_F64, 1, d3)};
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
    CHECK(strcmp(rnl_file_name(f, 0), "eight") == 0);   /* F64 first */
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

/* {== Damage ============================================================= */

/*
** Loads the damaged bytes of the model's file: an error, or the same shapes
** and numbers (a name or a key may differ).
*/
static int load_damaged (const unsigned char *p, size_t n, int *loaded) {
  rnl_File *f;
  int status = load_bytes(p, n, &f);
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
    int status = load_bytes(p, mutate(p, a.n, sizeof p), &f);
    CHECK_MSG(status == RNL_OK || status == RNL_EFORMAT, "%ld: %d", i, status);
    loaded += status == RNL_OK;
    rnl_file_free(f);
  }
  if (times > 10000) printf("%ld of %ld mutations loaded\n", loaded, times);
  free(a.p);
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
  struct stat st;
  CHECK(mkfifo(at("fifo"), 0600) == 0);
  check_save_fails(at("fifo"), RNL_EIO);
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
  if (!scratch_begin()) return 1;
  make_model();
  test_round_trip();
  test_layout();
  test_nothing();
  test_lifetime();
  test_refused();
  test_many();
  test_damage();
  test_random(argc > 1 ? atol(argv[1]) : 2000);
  for (int forever = 0; forever < 2; forever++) {
    test_no_memory(forever);
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
  free_model();
  return scratch_end("file");
}
