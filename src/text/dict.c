/*
** dict.c - dictionaries: words with frequencies and tags.
**
** Words are a trie over code points, whose steps, (node, code point) -> node,
** are found through one table of open addressing, at most half full. A double
** array would be smaller, but a word that is added may move others; a hash of
** whole words is looked at once for each length, the trie only until no word
** goes on, which is after two characters mostly. 350,000 words are read in half
** a second and take 28 MiB.
**
** The text of a word is the way to its node. Tags are words of a second root,
** so that each is there once. Nodes stay when their word goes. The table is
** seeded by where the dictionary lies in memory, so that no text can be made
** whose steps collide; nothing that is seen depends on the seed.
*/
#include <stdlib.h>
#include <string.h>

#include "text/dict.h"

enum { LEAST = 1 << 6 };

#define MAX_TOTAL ((uint64_t)1 << 62)

typedef rnli_Piece Piece;

extern inline size_t rnli_dict_slot (const rnl_Dict *d, int32_t parent,
                                     int32_t code);
extern inline int32_t rnli_dict_next (const rnl_Dict *d, int32_t parent,
                                      int32_t code);
extern inline uint64_t rnli_dict_freq (const rnl_Dict *d, int32_t node);

/* {== Making ============================================================= */

static void forget_spelling (rnl_Dict *d) {
  if (d->spelling) {
    rnli_put(d->ctx, d->spelling->page);
    rnli_put(d->ctx, d->spelling);
  }
  d->spelling = NULL;
}


/* Room for twice as many nodes; finds them all their slot anew. */
static int grow_nodes (rnl_Dict *d) {
  size_t room = d->node_room ? d->node_room * 2 : LEAST;
  size_t bytes = rnli_mul(room, sizeof *d->node + 2 * sizeof *d->slot);
  rnli_Node *node = rnli_get(d->ctx, bytes);
  if (!node) return rnli_nomem(d->ctx, "a dictionary", bytes);
  if (d->nnode) memcpy(node, d->node, d->nnode * sizeof *node);
  rnli_put(d->ctx, d->node);
  d->node = node;
  d->node_room = room;
  d->slot = (int32_t *)(void *)(node + room);
  d->slots = room * 2;
  memset(d->slot, 0, d->slots * sizeof *d->slot);
  for (size_t i = RNLI_TAGS + 1; i < d->nnode; i++)
    d->slot[rnli_dict_slot(d, node[i].parent, node[i].code)] = (int32_t)i;
  return RNL_OK;
}


int rnl_dict_new (rnl_Context *ctx, rnl_Dict **out) {
  *out = NULL;
  rnl_Dict *d = rnli_get(ctx, sizeof *d);
  if (!d) return rnli_nomem(ctx, "a dictionary", sizeof *d);
  *d = (rnl_Dict){.ctx = ctx};
  rnl_context_retain(ctx);
  int status = grow_nodes(d);
  if (status != RNL_OK) {
    rnl_dict_free(d);
    return status;
  }
  d->node[RNLI_WORDS] = d->node[RNLI_TAGS] = (rnli_Node){-1, -1, 0};
  d->nnode = RNLI_TAGS + 1;
  *out = d;
  return RNL_OK;
}


void rnl_dict_free (rnl_Dict *d) {
  if (!d) return;
  rnl_Context *ctx = d->ctx;
  forget_spelling(d);
  rnli_put(ctx, d->node);
  rnli_put(ctx, d->entry);
  rnli_put(ctx, d);
  rnl_context_release(ctx);
}


size_t rnl_dict_size (const rnl_Dict *d) {
  return d->n;
}

/* }====================================================================== */

/* {== Words and nodes ==================================================== */

/* What is wrong with a word or a tag; NULL if nothing is. */
static const char *find_fault (Piece p) {
  int points = 0;
  if (p.n == 0) return "is empty";
  for (size_t i = 0; i < p.n; points++) {
    int32_t code;
    int len = rnli_utf8_scan((const unsigned char *)p.s + i, p.n - i, &code);
    if (len < 0) return "is no UTF-8";
    if (code == 0) return "has a NUL in it";
    if (rnli_is_space(code)) return "has white space in it";
    i += (size_t)len;
  }
  return points > RNL_MAX_ENTRY ? "is longer than 256 characters" : NULL;
}


/* The node of 'p' below 'root', or 0. 'p' is UTF-8. */
static int32_t find_node (const rnl_Dict *d, int32_t root, Piece p) {
  int32_t node = root;
  for (size_t i = 0; i < p.n;) {
    int32_t code;
    int len = rnli_utf8_scan((const unsigned char *)p.s + i, p.n - i, &code);
    node = len > 0 ? rnli_dict_next(d, node, code) : 0;
    if (!node) return 0;
    i += (size_t)len;
  }
  return node;
}


static int add_node (rnl_Dict *d, int32_t parent, int32_t code,
                     int32_t *node) {
  *node = rnli_dict_next(d, parent, code);
  if (*node) return RNL_OK;
  if (d->nnode >= RNL_MAX_WORDS)
    return rnli_error(d->ctx, RNL_ESHAPE, "a dictionary holds at most %d "
                      "beginnings of words", RNL_MAX_WORDS);
  if (d->nnode == d->node_room) {
    int status = grow_nodes(d);
    if (status != RNL_OK) return status;
  }
  *node = (int32_t)d->nnode++;
  d->node[*node] = (rnli_Node){parent, code, 0};
  d->slot[rnli_dict_slot(d, parent, code)] = *node;
  return RNL_OK;
}


static int add_path (rnl_Dict *d, int32_t root, Piece p, int32_t *node) {
  int status = RNL_OK;
  *node = root;
  for (size_t i = 0; i < p.n && status == RNL_OK;) {
    int32_t code;
    i += (size_t)rnli_utf8_scan((const unsigned char *)p.s + i, p.n - i,
                                &code);
    status = add_node(d, *node, code, node);
  }
  return status;
}


/* Bytes of the text that leads to a node; written to 'to' unless NULL. */
static size_t path_text (const rnl_Dict *d, int32_t node, char *to) {
  char buf[4];
  size_t n = 0;
  for (int32_t i = node; i > RNLI_TAGS; i = d->node[i].parent)
    n += (size_t)rnl_utf8_encode(d->node[i].code, buf);
  char *end = to ? to + n : NULL;
  for (int32_t i = node; end && i > RNLI_TAGS; i = d->node[i].parent) {
    int len = rnl_utf8_encode(d->node[i].code, buf);
    end -= len;
    memcpy(end, buf, (size_t)len);
  }
  return n;
}

/* }====================================================================== */

/* {== Changing and looking up ============================================ */

/* Counts an entry's frequency in, or out. */
static void count_entry (rnl_Dict *d, const rnli_Listed *e, int in) {
  d->total = in ? d->total + e->freq : d->total - e->freq;
  if (e->freq == 1) d->once = in ? d->once + 1 : d->once - 1;
}


static void remove_entry (rnl_Dict *d, int32_t node) {
  size_t i = (size_t)d->node[node].entry - 1;
  count_entry(d, &d->entry[i], 0);
  d->node[node].entry = 0;
  d->entry[i] = d->entry[--d->n];
  if (i < d->n) d->node[d->entry[i].node].entry = (int32_t)i + 1;
}


/* Sets the entry of a word that is none yet, or changes it. */
static int set_entry (rnl_Dict *d, Piece word, uint64_t freq,
                      const char *tag) {
  int32_t node, tag_node = RNLI_TAGS;
  rnli_Listed *entry = rnli_grow(d->ctx, d->entry, d->n, d->n + 1,
                                 sizeof *entry, &d->room, "a dictionary");
  if (!entry) return RNL_ENOMEM;
  d->entry = entry;
  int status = add_path(d, RNLI_WORDS, word, &node);
  if (status == RNL_OK && tag)
    status = add_path(d, RNLI_TAGS, (Piece){tag, strlen(tag)}, &tag_node);
  if (status != RNL_OK) return status;
  int32_t at = d->node[node].entry;
  rnli_Listed *e = &d->entry[at ? (size_t)at - 1 : d->n];
  if (at) count_entry(d, e, 0);
  else d->node[node].entry = (int32_t)++d->n;
  *e = (rnli_Listed){freq, node, tag || !at ? tag_node : e->tag};
  count_entry(d, e, 1);
  return RNL_OK;
}


static int check_tag (rnl_Dict *d, const char *tag) {
  Piece p = {tag, tag ? strlen(tag) : 0};
  const char *fault = p.n == 0 ? NULL : find_fault(p);
  if (p.n >= RNL_MAX_TAG) fault = "is too long";
  return fault ? rnli_error(d->ctx, RNL_EFORMAT, "the tag %s", fault) : RNL_OK;
}


int rnl_dict_set (rnl_Dict *d, const char *s, size_t n, uint64_t freq,
                  const char *tag) {
  Piece word = {s, n};
  const char *fault = find_fault(word);
  if (fault) return rnli_error(d->ctx, RNL_EFORMAT, "the word %s", fault);
  int status = check_tag(d, tag);
  if (status != RNL_OK) return status;
  if (freq > RNL_MAX_FREQ || d->total + freq > MAX_TOTAL)
    return rnli_error(d->ctx, RNL_EFORMAT, "the frequency is too large");
  forget_spelling(d);
  if (freq > 0) return set_entry(d, word, freq, tag);
  int32_t node = find_node(d, RNLI_WORDS, word);
  if (node && d->node[node].entry) remove_entry(d, node);
  return RNL_OK;
}


uint64_t rnl_dict_get (const rnl_Dict *d, const char *s, size_t n,
                       char tag[RNL_MAX_TAG]) {
  int32_t node = find_node(d, RNLI_WORDS, (Piece){s, n});
  uint64_t freq = rnli_dict_freq(d, node);
  if (!tag) return freq;
  size_t len = freq ? path_text(d, d->entry[d->node[node].entry - 1].tag, tag)
                    : 0;
  tag[len] = '\0';
  return freq;
}

/* }====================================================================== */

/* {== Reading ============================================================ */

/* Takes the next field of 'line'; one of no bytes when there is none. */
static Piece next_field (Piece *line) {
  const char *s = line->s, *end = s + line->n;
  while (s < end && (*s == ' ' || *s == '\t' || *s == '\r')) s++;
  Piece field = {s, 0};
  while (s < end && *s != ' ' && *s != '\t' && *s != '\r') s++;
  field.n = (size_t)(s - field.s);
  *line = (Piece){s, (size_t)(end - s)};
  return field;
}


/* A frequency in decimal digits; 0 if it is none. */
static int read_freq (Piece p, uint64_t *freq) {
  *freq = 0;
  for (size_t i = 0; i < p.n; i++) {
    if (p.s[i] < '0' || p.s[i] > '9' || *freq > RNL_MAX_FREQ) return 0;
    *freq = *freq * 10 + (uint64_t)(p.s[i] - '0');
  }
  return p.n > 0 && *freq <= RNL_MAX_FREQ;
}


static int is_number (Piece p) {
  return p.n > 0 && ((*p.s >= '0' && *p.s <= '9') || *p.s == '-' ||
                     *p.s == '+' || *p.s == '.');
}


static int read_line (rnl_Dict *d, Piece line) {
  char text[RNL_MAX_TAG];
  Piece word = next_field(&line), tag = next_field(&line);
  uint64_t freq = 1;
  if (word.n == 0) return RNL_OK;   /* a blank line */
  if (is_number(tag)) {
    if (!read_freq(tag, &freq))
      return rnli_error(d->ctx, RNL_EFORMAT, "the frequency must be an integer "
                        "from 0 to 2^53");
    tag = next_field(&line);
  }
  if (next_field(&line).n > 0)
    return rnli_error(d->ctx, RNL_EFORMAT, "expected WORD FREQUENCY TAG, got "
                      "more or another order");
  if (tag.n >= RNL_MAX_TAG)
    return rnli_error(d->ctx, RNL_EFORMAT, "the tag is too long");
  memcpy(text, tag.s, tag.n);
  text[tag.n] = '\0';
  return rnl_dict_set(d, word.s, word.n, freq, text);
}


int rnl_dict_read (rnl_Dict *d, const char *s, size_t n, size_t *lines) {
  const char *end = s + n;
  *lines = 0;
  while (s < end) {
    const char *lf = memchr(s, '\n', (size_t)(end - s));
    if (!lf) lf = end;
    ++*lines;
    int status = read_line(d, (Piece){s, (size_t)(lf - s)});
    if (status != RNL_OK) return status;
    s = lf < end ? lf + 1 : end;
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== Listing ============================================================ */

static int by_bytes (const void *a, const void *b) {
  const rnl_Entry *x = a, *y = b;
  int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
  return order ? order : (x->n > y->n) - (x->n < y->n);
}


int rnl_dict_list (const rnl_Dict *d, rnl_Entry **out) {
  size_t bytes = (d->n + 1) * sizeof(rnl_Entry);
  for (size_t i = 0; i < d->n; i++)
    bytes += path_text(d, d->entry[i].node, NULL) +
             path_text(d, d->entry[i].tag, NULL) + 2;
  rnl_Entry *list = rnli_get(d->ctx, bytes);
  *out = list;
  if (!list) return rnli_nomem(d->ctx, "the words of a dictionary", bytes);
  char *text = (char *)(list + d->n + 1);
  for (size_t i = 0; i < d->n; i++) {
    size_t n = path_text(d, d->entry[i].node, text);
    size_t ntag = path_text(d, d->entry[i].tag, text + n + 1);
    list[i] = (rnl_Entry){text, n, text + n + 1, d->entry[i].freq};
    text[n] = text[n + 1 + ntag] = '\0';
    text += n + ntag + 2;
  }
  qsort(list, d->n, sizeof *list, by_bytes);
  return RNL_OK;
}


void rnl_entries_free (rnl_Context *ctx, rnl_Entry *list) {
  rnli_put(ctx, list);
}

/* }====================================================================== */
