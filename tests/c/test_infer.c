/*
** test_infer.c - models for hosts, by the public header alone: loading and
** limits, every error, states that are saved, forked and damaged, streams,
** draws, precisions, memory that fails, threads.
** "test_infer N" takes N steps where it looks for memory that is taken.
*/
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "models.h"

enum { T = 40, THREADS = 8 };

static char why[RNL_MAX_ERROR];


static rnl_Model *load (const Made *made, const char *precision) {
  rnl_Model *m = NULL;
  rnl_Load o = RNL_LOAD;
  o.precision = precision;
  int status = rnl_model_read(made->p, made->n, &o, &m, why);
  CHECK_MSG(status == RNL_OK && *why == '\0', "%s", why);
  return m;
}


static rnl_Model *load_plan (const Plan *p) {
  Made made = make_model(p, 1);
  rnl_Model *m = load(&made, NULL);
  free(made.p);
  return m;
}


static rnl_State *state_of (rnl_Model *m, int streams) {
  rnl_State *s = NULL;
  rnl_Streams o = RNL_STREAMS;
  o.streams = streams;
  CHECK(rnl_state_new(m, &o, &s) == RNL_OK && s != NULL);
  return s;
}


/* Is it this status, with a text in which 'says' stands? */
static int refused (rnl_State *s, int status, int want, const char *says) {
  return CHECK_MSG(status == want && strstr(rnl_state_error(s), says),
                   "status %d: %s", status, rnl_state_error(s));
}

/* {== Steps ============================================================== */

static int reads_ids (const rnl_State *s) {
  return strcmp(rnl_model_kind(rnl_state_model(s)), "lm") == 0;
}


/* One step that depends on t, of all N streams alike but for 'turn'. */
static int step (rnl_State *s, int N, int t, int turn) {
  int32_t ids[16];
  float x[16 * 4];
  rnl_Sizes z;
  rnl_model_sizes(rnl_state_model(s), &z);
  for (int n = 0; n < N; n++) {
    int k = t + (n + turn) * 5;
    ids[n] = (int32_t)((unsigned)k * 7919u % (unsigned)LETTERS);
    for (int i = 0; i < z.inputs; i++)
      x[n * z.inputs + i] = (float)sin(0.7 * k + i);
  }
  return reads_ids(s) ? rnl_state_step(s, ids) : rnl_state_put(s, x);
}


/* What a run gives, as a digest of all its numbers. */
static uint64_t mix (uint64_t d, const void *p, size_t n) {
  for (size_t i = 0; i < n; i++)   /* FNV-1a */
    d = (d ^ ((const unsigned char *)p)[i]) * 0x100000001b3u;
  return d;
}


static uint64_t outputs (const rnl_State *s, int stream) {
  rnl_Sizes z;
  rnl_model_sizes(rnl_state_model(s), &z);
  return mix(0xcbf29ce484222325u, rnl_state_outputs(s, stream),
             (size_t)z.outputs * sizeof(float));
}


/* Steps, and draws where there are ids: of stream 0 of one. */
static uint64_t run (rnl_State *s, int from, int to) {
  uint64_t d = 0;
  rnl_Rng rng;
  rnl_Draw draw = RNL_DRAW;
  int32_t ids[T];
  for (int t = from; t < to; t++) {
    CHECK(step(s, 1, t, 0) == RNL_OK);
    d = d * 31 + outputs(s, 0);
  }
  if (!reads_ids(s)) return d;
  rnl_rng_seed(&rng, 3);
  draw.penalty = 1.3;
  draw.top_k = 9;
  CHECK(rnl_state_sample(s, &draw, &rng, T, ids) == RNL_OK);
  return mix(d * 31 + outputs(s, 0), ids, sizeof ids);
}

/* }====================================================================== */

/* {== Loading ============================================================ */

static char path[64];   /* of a file of our own */


static void spill (const void *p, size_t n) {
  FILE *f = fopen(path, "wb");
  CHECK(f && fwrite(p, 1, n, f) == n);
  if (f) fclose(f);
}


static void test_sizes (void) {
  for (int i = 0; i < PLANS; i++) {
    const Plan *p = &plans[i];
    rnl_Model *m = load_plan(p);
    rnl_Sizes z;
    rnl_model_sizes(m, &z);
    CHECK(strcmp(rnl_model_kind(m), p->V ? "lm" : "net") == 0);
    CHECK(z.inputs == (p->V ? 0 : p->D) && z.ids == p->V);
    CHECK(z.outputs == p->U && z.labels == 0 && !rnl_model_label(m, 0));
    CHECK(z.step_bytes > 0 && z.bytes >= z.step_bytes);
    CHECK(strstr(rnl_model_meta(m, "rnnlua.layers"), p->cell) != NULL);
    CHECK(rnl_model_meta(m, "") == NULL && rnl_model_meta(m, "x") == NULL);
    rnl_model_release(m);
  }
  rnl_model_release(NULL);
}


/* From a path or from memory, which may go: the same model. */
static void test_ways (void) {
  for (int i = 0; i < PLANS; i++) {
    Made made = make_model(&plans[i], 1);
    rnl_Model *of_path = NULL, *of_bytes = load(&made, NULL);
    spill(made.p, made.n);
    CHECK(rnl_model_load(path, NULL, &of_path, NULL) == RNL_OK);
    memset(made.p, 0, made.n);
    rnl_State *a = state_of(of_path, 1), *b = state_of(of_bytes, 1);
    rnl_model_release(of_path);   /* a state is an owner */
    rnl_model_release(of_bytes);
    CHECK(run(a, 0, T) == run(b, 0, T));
    rnl_state_free(a);
    rnl_state_free(b);
    free(made.p);
  }
}


/* Loads and expects an error with a text in which 'says' stands. */
static void refuse_load (const void *p, size_t n, const rnl_Load *o, int want,
                         const char *says) {
  rnl_Model *m = (rnl_Model *)&why;
  int status = rnl_model_read(p, n, o, &m, why);
  CHECK_MSG(status == want && m == NULL && strstr(why, says), "%d: %s", status,
            why);
  CHECK(rnl_model_read(p, n, o, &m, NULL) == want && m == NULL);
}


static void test_load_errors (void) {
  Made made = make_model(&plans[0], 1);
  rnl_Model *m;
  rnl_Load o = RNL_LOAD;
  CHECK(rnl_model_load("/no/such/file", NULL, &m, why) == RNL_EIO);
  CHECK_MSG(!m && strstr(why, "/no/such/file: "), "%s", why);
  CHECK(rnl_model_load("/tmp", NULL, &m, why) == RNL_EFORMAT && !m);
  refuse_load(NULL, 0, NULL, RNL_EFORMAT, "too few");
  refuse_load("", 0, NULL, RNL_EFORMAT, "too few");
  refuse_load(made.p, made.n - 1, NULL, RNL_EFORMAT, "model: ");
  o.precision = "double";
  refuse_load(made.p, made.n, &o, RNL_EARG, "double");
  o = (rnl_Load)RNL_LOAD;
  o.kernels = "quantum";
  refuse_load(made.p, made.n, &o, RNL_EARG, "quantum");
  o = (rnl_Load){0};
  refuse_load(made.p, made.n, &o, RNL_EARG, "begin with RNL_LOAD");
  o = (rnl_Load)RNL_LOAD;   /* a host that knows of fewer options */
  o.size = offsetof(rnl_Load, kernels);
  o.kernels = "quantum";
  CHECK(rnl_model_read(made.p, made.n, &o, &m, why) == RNL_OK);
  rnl_model_release(m);
  o = (rnl_Load)RNL_LOAD;
  o.most = made.n - 1;
  refuse_load(made.p, made.n, &o, RNL_EFORMAT, "at most");
  spill(made.p, made.n);
  CHECK(rnl_model_load(path, &o, &m, why) == RNL_EFORMAT && !m);
  CHECK_MSG(strstr(why, "at most"), "%s", why);
  o.most = made.n;
  CHECK(rnl_model_load(path, &o, &m, why) == RNL_OK);
  rnl_model_release(m);
  free(made.p);
}

/* }====================================================================== */

/* {== Errors of states =================================================== */

static void test_streams_options (void) {
  rnl_Model *m = load_plan(&plans[0]);
  static const int bad[][2] = {{0, 64}, {-1, 64}, {INT_MAX, 64}, {1, -1},
                               {1, INT_MAX}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    rnl_State *s = (rnl_State *)&why;
    rnl_Streams o = RNL_STREAMS;
    o.streams = bad[i][0];
    o.history = bad[i][1];
    CHECK(rnl_state_new(m, &o, &s) == RNL_EARG && s == NULL);
  }
  rnl_Streams none = {0};
  rnl_State *s;
  CHECK(rnl_state_new(m, &none, &s) == RNL_EARG && s == NULL);
  rnl_model_release(m);
  rnl_state_free(NULL);
}


static void test_lm_errors (void) {
  rnl_Model *m = load_plan(&plans[0]);
  rnl_State *s = state_of(m, 2);
  rnl_Rng rng[2];
  const int32_t *ids;
  int32_t got[2], low[2] = {0, -1}, high[2] = {LETTERS, 0}, from[2] = {0, 2};
  double nats[2];
  float x = 0;
  size_t n;
  CHECK(strcmp(rnl_state_error(s), "") == 0 && rnl_state_model(s) == m);
  CHECK(step(s, 2, 0, 0) == RNL_OK);
  uint64_t before = outputs(s, 0) + outputs(s, 1);
  refused(s, rnl_state_put(s, &x), RNL_ESTATE, "'lm'");
  refused(s, rnl_state_step(s, low), RNL_EARG, "id -1 of stream 1");
  refused(s, rnl_state_step(s, high), RNL_EARG, "id 23 of stream 0");
  refused(s, rnl_state_select(s, from), RNL_EARG, "stream 2");
  refused(s, rnl_state_score(s, low, 2, nats), RNL_EARG, "id -1");
  refused(s, rnl_state_sample(s, NULL, rng, -1, got), RNL_EARG, "-1");
  refused(s, rnl_state_prime(s, "abz", 3), RNL_EFORMAT, "'z'");
  refused(s, rnl_state_encode(s, "a\xffz", 3, &ids, &n), RNL_EFORMAT, "");
  refused(s, rnl_state_restore(s, &x, sizeof x), RNL_EFORMAT, "4 bytes");
  CHECK(!rnl_state_outputs(s, 2) && !rnl_state_outputs(s, -1));
  CHECK(before == outputs(s, 0) + outputs(s, 1));   /* nothing has changed */
  rnl_state_free(s);
  rnl_model_release(m);
}


static void test_net_errors (void) {
  rnl_Model *m = load_plan(&plans[7]);
  rnl_State *s = state_of(m, 1);
  rnl_Rng rng;
  const int32_t *ids;
  const char *text;
  int32_t id = 0;
  double nats;
  size_t n;
  refused(s, rnl_state_step(s, &id), RNL_ESTATE, "'net'");
  refused(s, rnl_state_sample(s, NULL, &rng, 1, &id), RNL_ESTATE, "'net'");
  refused(s, rnl_state_score(s, &id, 1, &nats), RNL_ESTATE, "'net'");
  refused(s, rnl_state_prime(s, "a", 1), RNL_ESTATE, "'net'");
  refused(s, rnl_state_encode(s, "a", 1, &ids, &n), RNL_ESTATE, "tokenizer");
  refused(s, rnl_state_text(s, &id, 1, &text, &n), RNL_ESTATE, "tokenizer");
  rnl_state_free(s);
  rnl_model_release(m);
}


/* Scores that overflow: nothing is drawn. */
static void test_diverged (void) {
  Made made = make_scaled(&plans[3], 1, 1e38f);
  rnl_Model *m = load(&made, NULL);
  rnl_State *s = state_of(m, 1);
  rnl_Rng rng = {{1, 2, 3, 4}}, same = rng;
  int32_t id = -7;
  CHECK(step(s, 1, 0, 0) == RNL_OK && step(s, 1, 1, 0) == RNL_OK);
  refused(s, rnl_state_sample(s, NULL, &rng, 1, &id), RNL_EDIVERGED, "finite");
  CHECK(memcmp(&rng, &same, sizeof rng) == 0);
  rnl_state_free(s);
  rnl_model_release(m);
  free(made.p);
}

/* }====================================================================== */

/* {== Copies ============================================================= */

/* Saved and restored, and forked: both go on bit for bit. */
static void test_copies (void) {
  for (int i = 0; i < PLANS; i++) {
    rnl_Model *m = load_plan(&plans[i]);
    rnl_State *s = state_of(m, 1), *fork = NULL, *other = state_of(m, 1);
    run(s, 0, T);
    size_t size = rnl_state_size(s);
    unsigned char *saved = malloc(size);
    rnl_state_save(s, saved);
    CHECK(rnl_state_fork(s, &fork) == RNL_OK);
    CHECK(rnl_state_restore(other, saved, size) == RNL_OK);
    uint64_t want = run(s, T, 2 * T);
    CHECK(run(fork, T, 2 * T) == want);
    CHECK(run(other, T, 2 * T) == want);
    rnl_state_reset(s);
    rnl_state_reset(other);
    CHECK(run(s, 0, T) == run(other, 0, T));
    rnl_state_free(s);
    rnl_state_free(fork);
    rnl_state_free(other);
    rnl_model_release(m);
    free(saved);
  }
}


/* Every byte with every bit turned, every length: refused or as it was. */
static void test_damage (void) {
  rnl_Model *m = load_plan(&plans[4]);
  rnl_State *s = state_of(m, 1);
  run(s, 0, T);
  size_t size = rnl_state_size(s), taken = 0;
  unsigned char *saved = malloc(size), *now = malloc(size);
  rnl_state_save(s, saved);
  for (size_t i = 0; i < size; i++) {
    for (int flip = 1; flip < 512; flip *= 2) {
      int by = flip == 256 ? 255 : flip;
      saved[i] ^= (unsigned char)by;
      int status = rnl_state_restore(s, saved, size);
      saved[i] ^= (unsigned char)by;
      CHECK(status == RNL_OK || status == RNL_EFORMAT);
      taken += status == RNL_OK;
      rnl_state_save(s, now);
      CHECK_MSG(memcmp(now, saved, size) == 0, "byte %zu", i);
    }
  }
  CHECK_MSG(taken == 0, "%zu bits do not matter", taken);
  for (size_t n = 0; n < size; n++)
    CHECK(rnl_state_restore(s, saved, n) == RNL_EFORMAT);
  rnl_state_free(s);
  rnl_model_release(m);
  free(saved);
  free(now);
}


/* Of another model, number of streams or history. */
static void test_strangers (void) {
  Made a = make_model(&plans[0], 1), b = make_model(&plans[0], 2);
  rnl_Model *m = load(&a, NULL), *other = load(&b, NULL);
  rnl_Streams o = RNL_STREAMS;
  rnl_State *s = state_of(m, 2), *t = state_of(other, 2), *u = state_of(m, 4);
  rnl_State *v = NULL;
  o.streams = 4;
  o.history = 16;   /* as many bytes: 4 * 16 are 2 * 32 */
  CHECK(rnl_state_new(m, &o, &v) == RNL_OK);
  void *saved = malloc(rnl_state_size(s));
  rnl_state_save(s, saved);
  refused(t, rnl_state_restore(t, saved, rnl_state_size(s)), RNL_EFORMAT,
          "another model");
  refused(u, rnl_state_restore(u, saved, rnl_state_size(s)), RNL_EFORMAT, "");
  refused(v, rnl_state_restore(v, saved, rnl_state_size(s)), RNL_EFORMAT, "");
  rnl_state_free(s);
  rnl_state_free(t);
  rnl_state_free(u);
  rnl_state_free(v);
  rnl_model_release(m);
  rnl_model_release(other);
  free(saved);
  free(a.p);
  free(b.p);
}

/* }====================================================================== */

/* {== Streams ============================================================ */

enum { N = 5 };

/* Stream n of many, and alone: the same bits. */
static void test_streams (void) {
  for (int i = 0; i < PLANS; i++) {
    rnl_Model *m = load_plan(&plans[i]);
    rnl_State *all = state_of(m, N), *one[N];
    for (int n = 0; n < N; n++) one[n] = state_of(m, 1);
    for (int t = 0; t < T; t++) {
      CHECK(step(all, N, t, 0) == RNL_OK);
      for (int n = 0; n < N; n++) {
        CHECK(step(one[n], 1, t, n) == RNL_OK);
        CHECK_MSG(outputs(all, n) == outputs(one[n], 0), "%s %d: step %d of "
                  "stream %d", plans[i].cell, i, t, n);
      }
    }
    for (int n = 0; n < N; n++) rnl_state_free(one[n]);
    rnl_state_free(all);
    rnl_model_release(m);
  }
}


/* Streams that change places go on as the ones they have become. */
static void test_select (void) {
  static const int32_t from[N] = {4, 4, 0, 3, 1};
  for (int i = 0; i < PLANS; i++) {
    rnl_Model *m = load_plan(&plans[i]);
    rnl_State *s = state_of(m, N), *was = NULL;
    for (int t = 0; t < T; t++) CHECK(step(s, N, t, 0) == RNL_OK);
    CHECK(rnl_state_fork(s, &was) == RNL_OK);
    CHECK(rnl_state_select(s, from) == RNL_OK);
    for (int t = 0; t < 3; t++) {
      for (int n = 0; n < N; n++)
        CHECK_MSG(outputs(s, n) == outputs(was, from[n]), "%s: stream %d",
                  plans[i].cell, n);
      int32_t ids[N] = {t, t, t, t, t};
      float x[N * 4] = {0};
      CHECK((reads_ids(s) ? rnl_state_step(s, ids) : rnl_state_put(s, x)) ==
            RNL_OK);
      CHECK((reads_ids(s) ? rnl_state_step(was, ids) : rnl_state_put(was, x))
            == RNL_OK);
    }
    rnl_state_free(s);
    rnl_state_free(was);
    rnl_model_release(m);
  }
}

/* }====================================================================== */

/* {== Drawing ============================================================ */

static int likeliest (const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++) if (x[i] > x[best]) best = i;
  return best;
}


static void test_draws (void) {
  rnl_Model *m = load_plan(&plans[0]);
  rnl_State *s = state_of(m, 1);
  static const rnl_Draw certain[] = {
    {0, 0, 1, 0, 1, 64}, {1, 1, 1, 0, 1, 64}, {1, 0, 1e-9, 0, 1, 64},
    {1, 0, 1, 1, 1, 64}, {1e-4, 0, 1, 0, 1, 64}};
  static const rnl_Draw bad[] = {
    {-1, 0, 1, 0, 1, 64}, {1, -1, 1, 0, 1, 64}, {1, 0, 0, 0, 1, 64},
    {1, 0, 1.5, 0, 1, 64}, {1, 0, 1, -0.1, 1, 64}, {1, 0, 1, 1.1, 1, 64},
    {1, 0, 1, 0, 0, 64}, {1, 0, 1, 0, -1, 64}, {1, 0, 1, 0, 1, -1},
    {1, 0, 1, 0, 1.2, 65},   /* longer than the history */
    {HUGE_VAL, 0, 1, 0, 1, 64}, {(double)NAN, 0, 1, 0, 1, 64}};
  rnl_Rng rng;
  int32_t id;
  rnl_rng_seed(&rng, 5);
  CHECK(step(s, 1, 0, 0) == RNL_OK);
  for (int t = 0; t < T; t++)
    for (size_t i = 0; i < sizeof certain / sizeof *certain; i++) {
      int want = likeliest(rnl_state_outputs(s, 0), LETTERS);
      CHECK(rnl_state_sample(s, &certain[i], &rng, 1, &id) == RNL_OK);
      CHECK_MSG(id == want, "draw %zu", i);
    }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_MSG(rnl_state_sample(s, &bad[i], &rng, 1, &id) == RNL_EARG,
              "draw %zu", i);
  CHECK(rnl_state_sample(s, NULL, &rng, 0, &id) == RNL_OK);
  rnl_state_free(s);
  rnl_model_release(m);
}


/* A strong penalty keeps ids from coming twice; score says what scores say. */
static void test_penalty_and_score (void) {
  rnl_Model *m = load_plan(&plans[0]);
  rnl_State *s = state_of(m, 1), *t = state_of(m, 1);
  rnl_Draw d = {0, 0, 1, 0, 1e6, 8};
  rnl_Rng rng;
  int32_t ids[T];
  double want = 0, nats;
  CHECK(step(s, 1, 0, 0) == RNL_OK);
  CHECK(rnl_state_sample(s, &d, &rng, T, ids) == RNL_OK);
  for (int i = 0; i < T; i++)
    for (int k = i < 8 ? 0 : i - 8; k < i; k++)
      CHECK_MSG(ids[k] != ids[i], "%d and %d are the same", k, i);
  rnl_state_reset(s);
  for (int i = 0; i < T; i++) {
    const float *x = rnl_state_outputs(s, 0);
    double sum = 0;
    for (int k = 0; k < LETTERS; k++) sum += exp((double)x[k]);
    want += log(sum) - (double)x[ids[i]];
    CHECK(rnl_state_step(s, &ids[i]) == RNL_OK);
  }
  CHECK(rnl_state_score(t, ids, T, &nats) == RNL_OK);
  CHECK_MSG(fabs(nats - want) < 1e-4 * want, "%g, want %g", nats, want);
  CHECK(outputs(s, 0) == outputs(t, 0));
  rnl_state_free(s);
  rnl_state_free(t);
  rnl_model_release(m);
}


static void test_text (void) {
  rnl_Model *m = load_plan(&plans[0]);
  rnl_State *s = state_of(m, 1), *t = state_of(m, 1);
  const int32_t *ids;
  const char *text;
  size_t n;
  CHECK(rnl_state_encode(s, "cafe", 4, &ids, &n) == RNL_OK && n == 4);
  static const int32_t want[4] = {2, 0, 5, 4};
  CHECK(n == 4 && memcmp(ids, want, sizeof want) == 0);
  CHECK(rnl_state_prime(s, "cafe", 4) == RNL_OK);
  CHECK(rnl_state_score(t, want, 4, NULL) == RNL_OK);
  CHECK(outputs(s, 0) == outputs(t, 0));
  CHECK(rnl_state_text(s, want, 4, &text, &n) == RNL_OK);
  CHECK_MSG(n == 4 && strcmp(text, "cafe") == 0, "'%s'", text);
  CHECK(rnl_state_text(s, NULL, 0, &text, &n) == RNL_OK && n == 0);
  CHECK(rnl_state_encode(s, "", 0, &ids, &n) == RNL_OK && n == 0);
  CHECK(rnl_state_prime(s, "", 0) == RNL_OK);
  CHECK(outputs(s, 0) == outputs(t, 0));   /* it had begun before */
  rnl_state_free(s);
  rnl_state_free(t);
  rnl_model_release(m);
}


/* Rounded weights give numbers near those of full precision. */
static void test_precision (void) {
  static const struct { const char *name; double most; } near[] = {
    {"full", 0}, {"bf16", 0.06}, {"int8", 0.15}};
  for (int i = 0; i < PLANS; i++)
    for (size_t k = 0; k < sizeof near / sizeof *near; k++) {
      Made made = make_model(&plans[i], 1);
      rnl_Model *a = load(&made, NULL), *b = load(&made, near[k].name);
      rnl_State *s = state_of(a, 1), *t = state_of(b, 1);
      double apart = 0, size = 1;
      for (int n = 0; n < T; n++) {
        CHECK(step(s, 1, n, 0) == RNL_OK && step(t, 1, n, 0) == RNL_OK);
        for (int u = 0; u < plans[i].U; u++) {
          double x = (double)rnl_state_outputs(s, 0)[u];
          double y = (double)rnl_state_outputs(t, 0)[u];
          apart = fmax(apart, fabs(x - y));
          size = fmax(size, fabs(x));
        }
      }
      CHECK_MSG(apart <= near[k].most * size, "%s %d, %s: %g of %g",
                plans[i].cell, i, near[k].name, apart, size);
      rnl_state_free(s);
      rnl_state_free(t);
      rnl_model_release(a);
      rnl_model_release(b);
      free(made.p);
    }
}

/* }====================================================================== */

/* {== Memory ============================================================= */

static rnl_Load load_from (Ledger *l) {
  rnl_Load o = RNL_LOAD;
  o.alloc = ledger_alloc;
  o.ud = l;
  return o;
}


/* All ways to step. */
static void many_steps (rnl_State *s, int count) {
  rnl_Rng rng;
  rnl_Draw d = RNL_DRAW;
  int ok = 1;
  rnl_rng_seed(&rng, 1);
  d.penalty = 1.1;
  d.top_p = 0.9;
  for (int t = 0; t < count; t++) {
    int32_t id;
    const char *text;
    size_t n;
    ok &= step(s, 1, t, 0) == RNL_OK;
    if (!reads_ids(s)) continue;
    ok &= rnl_state_sample(s, &d, &rng, 1, &id) == RNL_OK;
    ok &= rnl_state_text(s, &id, 1, &text, &n) == RNL_OK;
  }
  CHECK(ok);
}


/* Steps take no memory, and nothing of what was taken stays at the end. */
static void test_no_memory (int count) {
  for (int i = 0; i < PLANS; i++) {
    Made made = make_model(&plans[i], 1);
    Ledger l = {0};
    rnl_Load o = load_from(&l);
    rnl_Model *m = NULL;
    CHECK(rnl_model_read(made.p, made.n, &o, &m, why) == RNL_OK);
    rnl_Sizes z;
    rnl_model_sizes(m, &z);
    CHECK_MSG(z.bytes <= l.live && l.live < z.bytes + 65536, "%zu told, %zu",
              z.bytes, l.live);
    rnl_State *s = state_of(m, 1);
    const char *text;
    size_t n;
    const int32_t id = 0;   /* texts get their memory with the first */
    if (reads_ids(s)) CHECK(rnl_state_text(s, &id, 1, &text, &n) == RNL_OK);
    uint64_t calls = l.calls;
    size_t blocks = l.blocks;
    many_steps(s, count);
    CHECK_MSG(l.calls == calls && l.blocks == blocks, "%s %d: %d",
              plans[i].cell, i, (int)(l.calls - calls));
    rnl_state_free(s);
    rnl_model_release(m);
    CHECK_MSG(l.live == 0 && l.blocks == 0, "%zu bytes", l.live);
    free(made.p);
  }
}


/*
** Loading takes no more than twice the file and a constant, however narrow a
** layer is for the vectors of the kernels, and however large its table of all
** ids would be.
*/
static void test_memory (void) {
  static const char *const precisions[] = {"full", "bf16", "int8"};
  static const Plan shape[] = {
    {"RNN", "\"bias\":false", 0, 50000, 1, 1, 1, 0},
    {"RNN", "\"nonlinearity\":\"relu\"", 0, 9000, 17, 1, 1, 0},
    {"ClockworkRNN", "\"periods\":[1,2,3,4,5,6,7,8]", 0, 40000, 8, 1, 1, 0},
    {"LSTM", "\"layer_norm\":true", 0, 20000, 3, 1, 1, 0},
    {"GRU", "\"reset\":\"before\"", 0, 30000, 2, 1, 2, 0},
    {"LSTM", "\"proj_size\":1", 0, 3, 400, 1, 1, 1},
    {"GRU", "\"num_layers\":2", 0, 1, 300, 2, 5, 0},
    {"LSTM", "\"num_layers\":1", 1700, 220, 220, 1, 1700, 0},
    {"LSTM", "\"num_layers\":1", 1700, 220, 700, 1, 1700, 0},
    {"RNN", "\"num_layers\":1", 1700, 2, 1000, 1, 1700, 0}
  };
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
    Made made = make_model(&shape[i], 1);
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
      Ledger l = {0};
      rnl_Load o = load_from(&l);
      rnl_Model *m = NULL;
      o.precision = precisions[p];
      CHECK_MSG(rnl_model_read(made.p, made.n, &o, &m, why) == RNL_OK, "%s",
                why);
      CHECK_MSG(l.peak <= 2 * made.n + (1 << 20), "%d %s: %zu of %zu", (int)i,
                precisions[p], l.peak, made.n);
      rnl_model_release(m);
    }
    free(made.p);
  }
}


/*
** White space in what a file says of a tensor is passed over once, not each
** time that some of its numbers are read: or this would take minutes.
*/
static void test_blanks (void) {
  static const Plan wide = {"RNN", "\"bias\":false", 0, 1, 1, 1, 200000, 0};
  static const char at[] = "\"out.weight\":{";
  enum { BLANKS = 1 << 24 };
  Made made = make_model(&wide, 1), long_one = {NULL, made.n + BLANKS};
  uint64_t header = 0;
  for (int i = 0; i < 8; i++) header |= (uint64_t)made.p[i] << 8 * i;
  size_t from = 8;
  while (memcmp(made.p + from, at, sizeof at - 1) != 0) from++;
  from += sizeof at - 1;
  unsigned char *p = long_one.p = malloc(long_one.n);
  memcpy(p, made.p, from);
  memset(p + from, ' ', BLANKS);
  memcpy(p + from + BLANKS, made.p + from, made.n - from);
  header += BLANKS;
  for (int i = 0; i < 8; i++) p[i] = (unsigned char)(header >> 8 * i);
  rnl_Model *m = NULL;
  CHECK_MSG(rnl_model_read(p, long_one.n, NULL, &m, why) == RNL_OK, "%s", why);
  rnl_model_release(m);
  free(p);
  free(made.p);
}


/* All that takes memory; the first status that is no RNL_OK. */
static int whole_life (const Made *made, Ledger *l) {
  rnl_Load o = load_from(l);
  rnl_Model *m;
  rnl_State *s = NULL, *fork = NULL;
  const int32_t *ids;
  *why = '\0';
  int status = rnl_model_read(made->p, made->n, &o, &m, why);
  if (status != RNL_OK) {
    CHECK(m == NULL && *why);
    return status;
  }
  size_t n;
  status = rnl_state_new(m, NULL, &s);
  CHECK((status == RNL_OK) == (s != NULL));
  if (status == RNL_OK) status = step(s, 1, 0, 0);
  if (status == RNL_OK) status = rnl_state_fork(s, &fork);
  if (status == RNL_OK) status = step(fork, 1, 1, 0);
  if (status == RNL_OK && reads_ids(s))
    status = rnl_state_encode(s, "abc", 3, &ids, &n);
  if (status == RNL_OK && reads_ids(s)) status = rnl_state_prime(s, "abc", 3);
  if (s && status != RNL_OK) CHECK(*rnl_state_error(fork ? fork : s) ||
                                   *rnl_state_error(s));
  rnl_state_free(fork);
  rnl_state_free(s);
  rnl_model_release(m);
  return status;
}


/* Each request fails, alone or with all that follow: an error, no leak. */
static void test_faults (void) {
  for (int i = 0; i < PLANS; i++) {
    Made made = make_model(&plans[i], 1);
    for (int forever = 0; forever < 2; forever++) {
      int status = RNL_ENOMEM;
      uint64_t k = 0, calls = 0;
      do {
        Ledger l = {0};
        l.fail_at = ++k;
        l.forever = forever;
        status = whole_life(&made, &l);
        calls = l.calls;
        CHECK_MSG(l.live == 0 && l.blocks == 0, "request %d: %zu bytes",
                  (int)k, l.live);
        CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d: %d",
                  (int)k, status);
        CHECK_MSG(!forever || status == RNL_ENOMEM || calls < k,
                  "request %d has no effect", (int)k);
      } while (calls >= k);
      CHECK_MSG(k > 20, "only %d requests", (int)k);
    }
    free(made.p);
  }
}

/* }====================================================================== */

/* {== Threads ============================================================ */

typedef struct Worker {
  pthread_t thread;
  rnl_Model *model;
  uint64_t digest;
} Worker;


static void *work (void *arg) {
  Worker *w = arg;
  rnl_State *s = NULL;
  int status = rnl_state_new(w->model, NULL, &s);
  rnl_model_release(w->model);   /* its own reference */
  if (status != RNL_OK) return NULL;
  w->digest = run(s, 0, T);
  rnl_state_free(s);
  return NULL;
}


/* Eight threads on one model: the bits of one. */
static void test_threads (void) {
  for (int i = 0; i < PLANS; i++) {
    rnl_Model *m = load_plan(&plans[i]);
    Worker worker[THREADS], alone = {.model = m};
    rnl_model_retain(m);
    work(&alone);
    for (int k = 0; k < THREADS; k++) {
      rnl_model_retain(m);
      worker[k] = (Worker){.model = m};
      CHECK(pthread_create(&worker[k].thread, NULL, work, &worker[k]) == 0);
    }
    rnl_model_release(m);   /* the last of the threads frees it */
    for (int k = 0; k < THREADS; k++) {
      pthread_join(worker[k].thread, NULL);
      CHECK_MSG(worker[k].digest == alone.digest, "%s", plans[i].cell);
    }
  }
}


static void *own (void *arg) {
  rnl_Model *m = arg;
  for (int i = 0; i < 20000; i++) {
    rnl_model_retain(m);
    rnl_model_release(m);
  }
  rnl_model_release(m);
  return NULL;
}


/* Owners come and go in many threads; who is last is not known. */
static void test_owners (void) {
  Ledger l = {0};
  rnl_Load o = load_from(&l);
  Made made = make_model(&plans[0], 1);
  rnl_Model *m = NULL;
  pthread_t thread[THREADS];
  CHECK(rnl_model_read(made.p, made.n, &o, &m, why) == RNL_OK);
  for (int i = 0; i < THREADS; i++) rnl_model_retain(m);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&thread[i], NULL, own, m) == 0);
  rnl_model_release(m);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  CHECK(l.live == 0 && l.blocks == 0);
  free(made.p);
}

/* }====================================================================== */


int main (int argc, char **argv) {
  int steps = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
  CHECK(strcmp(rnl_version(), RNL_VERSION) == 0);
  snprintf(path, sizeof path, "/tmp/rnnlua-infer-%ld", (long)getpid());
  test_sizes();
  test_ways();
  test_load_errors();
  test_streams_options();
  test_lm_errors();
  test_net_errors();
  test_diverged();
  test_copies();
  test_damage();
  test_strangers();
  test_streams();
  test_select();
  test_draws();
  test_penalty_and_score();
  test_text();
  test_precision();
  test_memory();
  test_blanks();
  test_no_memory(steps);
  test_faults();
  test_threads();
  test_owners();
  unlink(path);
  return harness_end("infer");
}
