/*
** models.h - small models with random weights, made in memory as the bytes of
** a file: for programs that see rnnlua_infer.h alone.
*/
#ifndef MODELS_H
#define MODELS_H

#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rnnlua_infer.h"

/* An embedding if V > 0, a recurrent layer and a linear one. */
typedef struct Plan {
  const char *cell, *options;   /* "LSTM", members of a JSON object */
  int V, D, H, L, U;
  int proj;                     /* size of a projection, or 0 */
} Plan;

enum { LETTERS = 23 };          /* "a" to "w" */

static const Plan plans[] = {
  {"LSTM", "\"num_layers\":2", LETTERS, 12, 19, 2, LETTERS, 0},
  {"GRU", "\"num_layers\":2", LETTERS, 12, 19, 2, LETTERS, 0},
  {"GRU", "\"reset\":\"before\"", LETTERS, 12, 19, 1, LETTERS, 0},
  {"RNN", "\"nonlinearity\":\"relu\"", LETTERS, 12, 19, 1, LETTERS, 0},
  {"LSTM", "\"peephole\":true,\"layer_norm\":true,\"proj_size\":7", LETTERS, 2,
   20, 1, LETTERS, 7},
  {"LSTM", "\"coupled\":true,\"zoneout\":0.2", LETTERS, 12, 33, 1, LETTERS, 0},
  {"ClockworkRNN", "\"periods\":[1,2,4]", LETTERS, 5, 24, 1, LETTERS, 0},
  {"LSTM", "\"num_layers\":2", 0, 3, 19, 2, 2, 0},
  {"GRU", "\"residual\":true,\"num_layers\":3", 0, 1, 17, 3, 1, 0},
  {"RNN", "\"bias\":false", 0, 1, 5, 1, 1, 0},
  {"ClockworkRNN", "\"periods\":[1,3]", 0, 2, 16, 1, 3, 0}
};

enum { PLANS = sizeof plans / sizeof *plans };

typedef struct Made {
  unsigned char *p;
  size_t n;
} Made;

/* {== Writing ============================================================ */

enum { HEADER_ROOM = 1 << 14 };

/* A file that grows: the text of its header, and its numbers. */
typedef struct Draft {
  char text[HEADER_ROOM];
  size_t ntext;
  float *x;
  size_t nx;
  float scale;                  /* of random numbers, 3 times it at most */
  rnl_Rng rng;
} Draft;


static inline void put_text (Draft *d, const char *s) {
  size_t n = strlen(s);
  memcpy(d->text + d->ntext, s, n + 1);
  d->ntext += n;
}


/* As it stands in a JSON string. */
static inline void put_quoted (Draft *d, const char *s) {
  char one[3] = {'\\', 0, 0};
  for (; *s; s++) {
    one[1] = *s;
    put_text(d, *s == '"' ? one : one + 1);
  }
}


/* A tensor (a,b), or (a) with b 0. */
static inline void put_tensor (Draft *d, const char *name, int a, int b) {
  char entry[256];
  size_t n = (size_t)a * (size_t)(b ? b : 1), from = d->nx;
  d->nx += n;
  d->x = realloc(d->x, d->nx * sizeof *d->x);
  for (size_t i = from; i < d->nx; i++) {
    float x = (float)rnl_rng_normal(&d->rng);
    d->x[i] = d->scale * (x < -3 ? -3 : x > 3 ? 3 : x);
  }
  snprintf(entry, sizeof entry, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%d",
           name, a);
  put_text(d, entry);
  if (b) snprintf(entry, sizeof entry, ",%d", b);
  if (b) put_text(d, entry);
  snprintf(entry, sizeof entry, "],\"data_offsets\":[%zu,%zu]}",
           from * sizeof *d->x, d->nx * sizeof *d->x);
  put_text(d, entry);
}


static inline int has (const Plan *p, const char *option) {
  return strstr(p->options, option) != NULL;
}


static inline int gates_of (const Plan *p) {
  if (strcmp(p->cell, "LSTM") == 0) return has(p, "coupled") ? 3 : 4;
  return strcmp(p->cell, "GRU") == 0 ? 3 : 1;
}


static inline void put_layer (Draft *d, const Plan *p, int l) {
  char name[64];
  int G = gates_of(p), S = p->proj ? p->proj : p->H, D = l ? S : p->D;
#define NAME(what) (snprintf(name, sizeof name, "rnn." what "_l%d", l), name)
  put_tensor(d, NAME("weight_ih"), G * p->H, D);
  put_tensor(d, NAME("weight_hh"), G * p->H, S);
  if (!has(p, "\"bias\":false")) {
    put_tensor(d, NAME("bias_ih"), G * p->H, 0);
    put_tensor(d, NAME("bias_hh"), G * p->H, 0);
  }
  if (has(p, "peephole")) put_tensor(d, NAME("weight_peephole"), G - 1, p->H);
  if (has(p, "layer_norm")) put_tensor(d, NAME("layer_norm"), 2 * G + 2, p->H);
  if (p->proj) put_tensor(d, NAME("weight_hr"), S, p->H);
#undef NAME
}


static inline void put_layers (Draft *d, const Plan *p) {
  char text[512];
  int S = p->proj ? p->proj : p->H;
  put_text(d, "\"rnnlua.layers\":\"");
  if (p->V) {
    snprintf(text, sizeof text, "{\"embed\":{\"class\":\"Embedding\","
             "\"sizes\":[%d,%d]},", p->V, p->D);
    put_quoted(d, text);
  } else {
    put_quoted(d, "{");
  }
  snprintf(text, sizeof text, "\"rnn\":{\"class\":\"%s\",\"sizes\":[%d,%d],"
           "\"options\":{%s}},\"out\":{\"class\":\"Linear\",\"sizes\":"
           "[%d,%d]}}", p->cell, p->D, p->H, p->options, S, p->U);
  put_quoted(d, text);
  put_text(d, "\"");
}


/* The file, whose memory is the caller's. */
static inline Made finish_draft (Draft *d) {
  size_t bytes = d->nx * sizeof *d->x;
  Made made = {NULL, 0};
  put_text(d, "}");
  while (d->ntext % 8) put_text(d, " ");
  made.n = 8 + d->ntext + bytes;
  made.p = malloc(made.n);
  for (int i = 0; i < 8; i++)
    made.p[i] = (unsigned char)((uint64_t)d->ntext >> 8 * i);
  memcpy(made.p + 8, d->text, d->ntext);
  memcpy(made.p + 8 + d->ntext, d->x, bytes);
  free(d->x);
  return made;
}


/* Weights are of order 'scale'. */
static inline Made make_scaled (const Plan *p, uint64_t seed, float scale) {
  Draft d = {.scale = scale};
  rnl_rng_seed(&d.rng, seed);
  put_text(&d, "{\"__metadata__\":{");
  if (p->V) {   /* V characters from "a" on */
    char text[80];
    snprintf(text, sizeof text, "\"rnnlua.kind\":\"lm\",\"tokenizer\":"
             "\"char : 61-%x\",", 0x60u + (unsigned)p->V);
    put_text(&d, text);
  }
  put_layers(&d, p);
  put_text(&d, "}");
  if (p->V) put_tensor(&d, "embed.weight", p->V, p->D);
  for (int l = 0; l < p->L; l++) put_layer(&d, p, l);
  put_tensor(&d, "out.weight", p->U, p->proj ? p->proj : p->H);
  put_tensor(&d, "out.bias", p->U, 0);
  return finish_draft(&d);
}


static inline Made make_model (const Plan *p, uint64_t seed) {
  return make_scaled(p, seed, 0.4f);
}

/* }====================================================================== */

/* {== An allocator that counts and fails ================================= */

/*
** One thread at a time may use it. Request number 'fail_at' from now fails, and
** with 'forever' all that follow.
*/
typedef struct Ledger {
  size_t live, peak, blocks;
  uint64_t calls;               /* for memory */
  uint64_t fail_at;             /* 0: never */
  int forever;
} Ledger;


static inline void *ledger_alloc (void *ud, void *ptr, size_t osize,
                                  size_t nsize) {
  Ledger *l = ud;
  if (nsize == 0) {
    l->live -= osize;
    l->blocks--;
    free(ptr);
    return NULL;
  }
  l->calls++;
  if (l->fail_at == 1) {
    l->fail_at = (uint64_t)l->forever;
    return NULL;
  }
  if (l->fail_at > 1) l->fail_at--;
  void *p = malloc(nsize);
  if (!p) return NULL;
  l->live += nsize;
  l->blocks++;
  if (l->live > l->peak) l->peak = l->live;
  return p;
}

/* }====================================================================== */

#endif
