/*
** segmenter.c - the kind "segmenter": text without spaces cut into words, by
** tags of its characters, which begin (B), continue (M) or end (E) a word or
** are one (S).
**
** The tagger reads each character, the pair it makes with the next one, and, if
** the model has a dictionary, what that says of it: its place in a word and the
** kind of the word. Characters of user words have their tags fixed.
*/
#include <stdio.h>

#include "infer/infer.h"
#include "text/dict.h"

enum { B, E, M, S };        /* the tags, in the order of their names */
enum { PAIR, MARK, COLUMNS };

typedef struct Segmenter {
  rnli_Tagger *tagger;
  const rnl_Dict *dict;     /* without words if it has none of its own */
} Segmenter;

/* {== Loading ============================================================ */

static void free_dict (void *dict) {
  rnl_dict_free(dict);
}


static int load_dict (rnli_Loader *l, const char *text, Segmenter *m) {
  rnl_Dict *d;
  size_t line = 0;
  int status = rnl_dict_new(l->ctx, &d);
  if (status == RNL_OK) status = rnli_own(l, d, free_dict);
  if (status != RNL_OK) return status;
  m->dict = d;
  if (text) status = rnl_dict_read(d, text, strlen(text), &line);
  if (status == RNL_EFORMAT) {
    char where[48];
    snprintf(where, sizeof where, "its dictionary, line %zu: ", line);
    return rnli_misfit_of(l, where);
  }
  return status == RNL_OK ? rnli_dict_spell(d) : status;
}


/* Are there the tags and columns of a segmenter? */
static int is_sound (const rnl_Model *model, const rnli_Tagger *t, int mark) {
  if (t->tags.n != 4 || t->ncolumns != (mark ? COLUMNS : MARK) ||
      strcmp(model->column[PAIR], "2") != 0 ||
      (mark && strcmp(model->column[MARK], "3") != 0))
    return 0;
  for (int i = 0; i < 4; i++)
    if (rnli_which("B|E|M|S", t->tags.name[i]) != i) return 0;
  return 1;
}


static int load (rnli_Loader *l) {
  rnl_Model *model = l->model;
  const char *text = rnli_meta(l, "dictionary");
  Segmenter *m = rnli_made(l, sizeof *m);
  if (!m) return RNL_ENOMEM;
  int status = load_dict(l, text, m);
  if (status == RNL_OK) status = rnli_tagger(l, "BMES", &m->tagger);
  if (status == RNL_OK && !is_sound(model, m->tagger, text != NULL))
    return rnli_misfit(l, "its description is damaged");
  model->sizes.columns = 0;   /* it makes them itself */
  return status;
}

/* }====================================================================== */

/* {== User words ========================================================= */

int rnl_state_user_words (rnl_State *s, const char *lines, size_t n) {
  rnl_Dict *d = NULL;
  size_t line = 0;
  int status = rnli_expect_kind(s, &rnli_kind_segmenter);
  if (status == RNL_OK && n > 0) status = rnl_dict_new(s->ctx, &d);
  if (status == RNL_OK && n > 0) status = rnl_dict_read(d, lines, n, &line);
  if (status != RNL_OK) {
    rnl_dict_free(d);
    if (status != RNL_EFORMAT) return status;
    char why[sizeof s->ctx->err];
    memcpy(why, s->ctx->err, sizeof why);
    return rnli_error(s->ctx, status, "user words, line %zu: %.400s", line,
                      why);
  }
  rnl_dict_free(s->user);
  s->user = d;
  return RNL_OK;
}


int rnli_user_copy (const rnl_State *s, rnl_State *to) {
  rnl_Entry *list;
  if (!s->user) return RNL_OK;
  int status = rnl_dict_list(s->user, &list);
  if (status == RNL_OK) status = rnl_dict_new(to->ctx, &to->user);
  for (size_t i = 0; status == RNL_OK && i < rnl_dict_size(s->user); i++)
    status = rnl_dict_set(to->user, list[i].s, list[i].n, list[i].freq, NULL);
  rnl_entries_free(s->ctx, list);
  return status;
}

/* }====================================================================== */

/* {== Characters ========================================================= */

/* A part of the text, which is cut at once. */
typedef struct Part {
  rnl_State *s;
  const Segmenter *m;
  const char *text;
  size_t n;
  rnli_Spans chars;
  rnli_Piece *word;           /* the characters */
  int32_t *id, *column[COLUMNS], *tag;
  signed char *fixed;
} Part;


static int part_room (Part *p) {
  rnli_Work *w = &p->s->work;
  size_t T = p->chars.n;
  p->word = rnli_work(w, T, sizeof *p->word);
  p->id = rnli_work(w, T, (2 + COLUMNS) * sizeof *p->id);
  p->fixed = rnli_work(w, T, 1);
  if (!p->word || !p->id || !p->fixed) return RNL_ENOMEM;
  p->tag = p->id + T;
  for (size_t c = 0; c < COLUMNS; c++) p->column[c] = p->tag + (c + 1) * T;
  return RNL_OK;
}


/* Characters and pairs as ids. */
static int read_chars (Part *p) {
  const rnli_Tagger *t = p->m->tagger;
  const rnli_Span *at = p->chars.span;
  int status = RNL_OK;
  for (size_t i = 0; status == RNL_OK && i < p->chars.n; i++) {
    const char *s = p->text + at[i].at;
    size_t next = i + 1 < p->chars.n ? at[i + 1].n : 0;
    p->word[i] = (rnli_Piece){s, at[i].n};
    p->column[PAIR][i] = rnli_id_of(t->column[PAIR].words, s, at[i].n + next);
    p->fixed[i] = -1;
    status = rnli_word_id(p->s, t->words, s, at[i].n, &p->id[i]);
  }
  return status;
}


/* What the dictionary says of the characters from .. to - 1, one word. */
static void mark_word (Part *p, size_t from, size_t to, rnl_CutKind kind) {
  static const char letter[] = {
    [RNL_CUT_SPACE] = 's', [RNL_CUT_UNIT] = 'u', [RNL_CUT_CHAR] = 'c',
    [RNL_CUT_WORD] = 'w', [RNL_CUT_GUESSED] = 'g', [RNL_CUT_USER] = 'u'};
  const rnli_Tagger *t = p->m->tagger;
  for (size_t i = from; i < to; i++) {
    int tag = to - from == 1 ? S : i == from ? B : i + 1 == to ? E : M;
    const char mark[] = {"BEMS"[tag], letter[kind]};
    if (t->ncolumns > MARK)
      p->column[MARK][i] = rnli_id_of(t->column[MARK].words, mark, 2);
    if (kind == RNL_CUT_USER) p->fixed[i] = (signed char)tag;
  }
}


static int mark_chars (Part *p) {
  const rnl_Dict *user = p->s->user;
  rnl_Cut *cut;
  size_t n, to = 0;
  if (!user && p->m->tagger->ncolumns <= MARK) return RNL_OK;
  int status = rnli_dict_cut(p->m->dict, &user, user ? 1 : 0, RNL_CUT_GUESS,
                             p->s->ctx, p->text, p->n, &cut, &n);
  for (size_t i = 0; status == RNL_OK && i < n; i++) {
    size_t from = to;
    while (to < p->chars.n && p->chars.span[to].at < cut[i].to) to++;
    mark_word(p, from, to, cut[i].kind);
  }
  rnl_cuts_free(p->s->ctx, cut);
  return status;
}


/* The words of tagged characters; the part is at byte 'at' of the text. */
static int put_words (const Part *p, size_t at, rnli_Spans *out) {
  int status = RNL_OK;
  for (size_t i = 0; status == RNL_OK && i < p->chars.n; i++) {
    const rnli_Span *c = &p->chars.span[i];
    int32_t tag = p->tag[i], before = i > 0 ? p->tag[i - 1] : S;
    if (tag == B || tag == S || before == E || before == S)
      status = rnli_spans_add(out, at + c->at, c->n);
    else
      out->span[out->n - 1].n += c->n;
  }
  return status;
}


static int cut_part (rnl_State *s, const char *text, rnli_Span at,
                     rnli_Spans *out) {
  rnli_Mark mark = rnli_work_mark(&s->work);
  const Segmenter *m = s->model->made;
  Part p = {.s = s, .m = m, .text = text + at.at, .n = at.n,
            .chars = {.ctx = s->ctx}};
  int status = rnli_units_chars(p.text, p.n, p.n, &p.chars);
  if (status == RNL_OK) status = part_room(&p);
  if (status == RNL_OK) status = read_chars(&p);
  if (status == RNL_OK) status = mark_chars(&p);
  if (status == RNL_OK) {
    const rnli_Sentence chars = {(int)p.chars.n, p.word, p.id, p.column,
                                 p.fixed};
    status = rnli_tagger_run(s, m->tagger, &chars, p.tag);
  }
  if (status == RNL_OK) status = put_words(&p, at.at, out);
  rnli_put(s->ctx, p.chars.span);
  rnli_work_back(&s->work, mark);
  return status;
}

/* }====================================================================== */


/* Words in memory that is lent. */
static int lend (rnl_State *s, const rnli_Spans *words,
                 const rnl_Span **spans) {
  rnl_Span *to = rnli_work(&s->text, words->n, sizeof *to);
  if (!to) return RNL_ENOMEM;
  for (size_t i = 0; i < words->n; i++)
    to[i] = (rnl_Span){words->span[i].at, words->span[i].at +
                                          words->span[i].n};
  *spans = to;
  return RNL_OK;
}


int rnl_state_segment (rnl_State *s, const char *text, size_t n,
                       const rnl_Span **spans, size_t *count) {
  rnli_Spans parts = {.ctx = s->ctx}, words = parts;
  *spans = NULL;
  *count = 0;
  int status = rnli_expect_kind(s, &rnli_kind_segmenter);
  if (status != RNL_OK) return status;
  rnli_work_reset(&s->text);
  status = rnli_units_parts(text, n, &parts);
  for (size_t i = 0; status == RNL_OK && i < parts.n; i++)
    status = cut_part(s, text, parts.span[i], &words);
  if (status == RNL_OK) status = lend(s, &words, spans);
  if (status == RNL_OK) *count = words.n;
  rnli_put(s->ctx, parts.span);
  rnli_put(s->ctx, words.span);
  rnli_work_reset(&s->work);
  return status;
}


const rnli_Kind rnli_kind_segmenter = {"segmenter", load, NULL};
