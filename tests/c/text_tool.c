/*
** text_tool.c - what the engine does with text, for a spec that compares it
** with what the Lua half does. It is built twice, with utf8proc and without.
**
** Reads questions, "NAME N M" and a line end, N bytes and M bytes; answers each
** with "K", a line end and K bytes. Lists are of items "LENGTH:BYTES".
*/
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/units.h"

typedef struct Asked {
  rnl_Context *ctx;
  const char *a, *b;    /* ended by NUL */
  size_t n, m;
  rnli_Text answer;
} Asked;


static int add_item (Asked *q, const char *s, size_t n) {
  char length[32];
  snprintf(length, sizeof length, "%zu:", n);
  int status = rnli_text_add(&q->answer, length, strlen(length));
  return status == RNL_OK ? rnli_text_add(&q->answer, s, n) : status;
}


static int add_number (Asked *q, long x) {
  char text[32];
  snprintf(text, sizeof text, "%ld ", x);
  return rnli_text_add(&q->answer, text, strlen(text));
}

/* {== Tokenizers: the first text is a specification ====================== */

typedef int Use (Asked *q, const rnli_Tokenizer *t);

static int with_tokenizer (Asked *q, Use *use) {
  rnli_Tokenizer *t;
  int status = rnli_tokenizer_new(q->ctx, q->a, q->n, SIZE_MAX, &t);
  if (status == RNL_OK) status = use(q, t);
  rnli_tokenizer_free(t);
  return status;
}


static int use_size (Asked *q, const rnli_Tokenizer *t) {
  int status = add_number(q, rnli_tokenizer_size(t));
  return status == RNL_OK ? add_number(q, rnli_tokenizer_usable(t)) : status;
}


static int use_encode (Asked *q, const rnli_Tokenizer *t) {
  rnli_Ids ids = {.ctx = q->ctx};
  int status = rnli_tokenizer_ids(t, q->b, q->m, &ids);
  for (size_t i = 0; i < ids.n && status == RNL_OK; i++)
    status = add_number(q, ids.id[i] + 1);
  rnli_put(q->ctx, ids.id);
  return status;
}


/* The second text is ids, from 1. */
static int read_ids (Asked *q, rnli_Ids *ids) {
  char *end;
  for (const char *s = q->b; *s; s = end + (*end == ' ')) {
    int status = rnli_ids_room(ids, 1);
    if (status != RNL_OK) return status;
    ids->id[ids->n++] = (int32_t)strtol(s, &end, 10) - 1;
  }
  return RNL_OK;
}


static int decode (Asked *q, const rnli_Tokenizer *t, const rnli_Ids *ids) {
  char *s;
  size_t n;
  int status = rnli_tokenizer_text(t, q->ctx, ids->id, ids->n, &s, &n);
  if (status == RNL_OK) status = rnli_text_add(&q->answer, s, n);
  rnl_text_free(q->ctx, s);
  return status;
}


static int stream (Asked *q, const rnli_Tokenizer *t, const rnli_Ids *ids) {
  rnli_Stream stream = {.tok = t};
  int status = RNL_OK;
  for (size_t i = 0; i <= ids->n && status == RNL_OK; i++) {
    char *s;
    size_t n;
    status = rnli_stream_next(&stream, q->ctx, i < ids->n ? &ids->id[i] : NULL,
                              &s, &n);
    if (status == RNL_OK) status = add_item(q, s, n);
    rnl_text_free(q->ctx, s);
  }
  return status;
}


static int use_decode (Asked *q, const rnli_Tokenizer *t) {
  rnli_Ids ids = {.ctx = q->ctx};
  int status = read_ids(q, &ids);
  if (status == RNL_OK) status = decode(q, t, &ids);
  rnli_put(q->ctx, ids.id);
  return status;
}


static int use_stream (Asked *q, const rnli_Tokenizer *t) {
  rnli_Ids ids = {.ctx = q->ctx};
  int status = read_ids(q, &ids);
  if (status == RNL_OK) status = stream(q, t, &ids);
  rnli_put(q->ctx, ids.id);
  return status;
}


static int ask_size (Asked *q) { return with_tokenizer(q, use_size); }
static int ask_encode (Asked *q) { return with_tokenizer(q, use_encode); }
static int ask_decode (Asked *q) { return with_tokenizer(q, use_decode); }
static int ask_stream (Asked *q) { return with_tokenizer(q, use_stream); }

/* }====================================================================== */

/* {== Units of the first text ============================================ */

typedef int Cut (const char *s, size_t n, rnli_Spans *out);

static int list (Asked *q, const char *s, size_t n, Cut *cut) {
  rnli_Spans spans = {.ctx = q->ctx};
  int status = cut(s, n, &spans);
  for (size_t i = 0; i < spans.n && status == RNL_OK; i++)
    status = add_item(q, s + spans.span[i].at, spans.span[i].n);
  rnli_put(q->ctx, spans.span);
  return status;
}


static int all_chars (const char *s, size_t n, rnli_Spans *out) {
  return rnli_units_chars(s, n, SIZE_MAX, out);
}


static int spell (const char *s, size_t n, rnli_Spans *out) {
  return rnli_units_chars(s, n, RNLI_MAX_SPELT, out);
}


static int trim (const char *s, size_t n, rnli_Spans *out) {
  rnli_Span span = rnli_trimmed(s, n);
  return rnli_spans_add(out, span.at, span.n);
}


typedef int Change (rnl_Context *ctx, const char *s, size_t n, char **out,
                    size_t *nout);

/* What 'cut' makes of the changed text; NULL: the text. */
static int changed (Asked *q, Change *change, Cut *cut) {
  char *s;
  size_t n;
  int status = change(q->ctx, q->a, q->n, &s, &n);
  if (status == RNL_OK)
    status = cut ? list(q, s, n, cut) : rnli_text_add(&q->answer, s, n);
  rnl_text_free(q->ctx, s);
  return status;
}


static int ask_chars (Asked *q) { return list(q, q->a, q->n, all_chars); }
static int ask_spell (Asked *q) { return list(q, q->a, q->n, spell); }
static int ask_trim (Asked *q) { return list(q, q->a, q->n, trim); }

static int ask_words (Asked *q) {
  return list(q, q->a, q->n, rnli_units_words);
}

static int ask_terms (Asked *q) {
  return list(q, q->a, q->n, rnli_units_terms);
}

static int ask_sentences (Asked *q) {
  return list(q, q->a, q->n, rnli_units_sentences);
}

static int ask_parts (Asked *q) {
  return list(q, q->a, q->n, rnli_units_parts);
}

static int ask_fold (Asked *q) { return changed(q, rnli_text_folded, NULL); }

static int ask_jamo (Asked *q) {
  return changed(q, rnli_text_jamo, all_chars);
}

static int ask_tokens (Asked *q) {
  return changed(q, rnl_text_apart, rnli_units_words);
}

/* }====================================================================== */

static const struct {
  const char *name;
  int (*ask) (Asked *q);
} asks[] = {
  {"size", ask_size}, {"encode", ask_encode}, {"decode", ask_decode},
  {"stream", ask_stream}, {"chars", ask_chars}, {"spell", ask_spell},
  {"trim", ask_trim}, {"words", ask_words}, {"tokens", ask_tokens},
  {"terms", ask_terms}, {"sentences", ask_sentences}, {"parts", ask_parts},
  {"fold", ask_fold}, {"jamo", ask_jamo}
};


/* The answer to a question, or its message after "error: ". */
static int answer (Asked *q, const char *name) {
  int status = RNL_EARG;
  for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
    if (strcmp(asks[i].name, name) == 0) status = asks[i].ask(q);
  const char *wrong = rnl_errmsg(q->ctx);
  if (status == RNL_OK) {
    printf("%zu\n", q->answer.n);
    if (q->answer.n) fwrite(q->answer.s, 1, q->answer.n, stdout);
  } else {
    printf("%zu\nerror: %s", strlen(wrong) + 7, wrong);
  }
  rnli_put(q->ctx, q->answer.s);
  return ferror(stdout);
}


/* A block of 'n' bytes of its own, so that reading beyond them shows. */
static char *read_bytes (size_t n) {
  char *s = malloc(n + 1);
  if (!s || fread(s, 1, n, stdin) != n) {
    free(s);
    return NULL;
  }
  s[n] = '\0';
  return s;
}


int main (void) {
  rnl_Context *ctx;
  char name[32];
  size_t n, m;
  int failed = rnl_context_new(NULL, NULL, &ctx) != RNL_OK;
  if (failed) return 1;
  rnl_set_base(ctx, 1);
  while (!failed && scanf("%31s %zu %zu", name, &n, &m) == 3) {
    getchar();
    char *a = read_bytes(n), *b = a ? read_bytes(m) : NULL;
    Asked q = {ctx, a, b, n, m, {.ctx = ctx}};
    failed = !b || answer(&q, name);
    free(a);
    free(b);
  }
  rnl_Memory memory;
  rnl_memory(ctx, &memory);
  failed |= memory.live > 0;
  rnl_context_release(ctx);
  return failed;
}
