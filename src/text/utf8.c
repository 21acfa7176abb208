/*
** utf8.c - text that is made: memory that grows, UTF-8 repaired, line ends.
*/
#include <string.h>

#include "text/text.h"

static const unsigned char *bytes_of (const char *s) {
  return (const unsigned char *)s;
}

/* {== Memory that grows ================================================== */

void *rnli_grow (rnl_Context *ctx, void *p, size_t n, size_t need,
                 size_t each, size_t *room, const char *what) {
  if (need <= *room) return p;
  size_t more = need > 2 * *room ? need : 2 * *room;
  void *grown = rnli_get(ctx, rnli_mul(more, each));
  if (!grown) {
    rnli_nomem(ctx, what, rnli_mul(more, each));
    return NULL;
  }
  if (n) memcpy(grown, p, n * each);
  rnli_put(ctx, p);
  *room = more;
  return grown;
}


extern inline int rnli_ids_room (rnli_Ids *ids, size_t more);


int rnli_text_room (rnli_Text *t, size_t more) {
  size_t need = rnli_add(t->n, more);
  if (need <= t->room) return RNL_OK;
  char *p = rnli_grow(t->ctx, t->s, t->n, need, 1, &t->room, "text");
  if (!p) return RNL_ENOMEM;
  t->s = p;
  return RNL_OK;
}


int rnli_text_add (rnli_Text *t, const void *s, size_t n) {
  int status = rnli_text_room(t, n);
  if (status != RNL_OK) return status;
  if (n) memcpy(t->s + t->n, s, n);
  t->n += n;
  return RNL_OK;
}


int rnli_text_end (rnli_Text *t, int status, char **out, size_t *nout) {
  if (status == RNL_OK) status = rnli_text_room(t, 1);
  if (status == RNL_OK) {
    t->s[t->n] = '\0';
  } else {
    rnli_put(t->ctx, t->s);
    *t = (rnli_Text){.ctx = t->ctx};
  }
  *out = t->s;
  *nout = t->n;
  return status;
}


void rnl_text_free (rnl_Context *ctx, char *s) {
  rnli_put(ctx, s);
}

/* }====================================================================== */

/* {== Repairing ========================================================== */

int rnl_utf8_repair (rnl_Context *ctx, int replace, const char *s, size_t n,
                     char **out, size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  int status = rnli_text_room(&t, rnli_add(n, 1));
  for (size_t i = 0; status == RNL_OK && i < n;) {
    int32_t code;
    size_t good = rnl_utf8_check(s + i, n - i, NULL);
    status = rnli_text_add(&t, s + i, good);
    i += good;
    if (status != RNL_OK || i == n) break;
    i += (size_t)-rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    if (replace) status = rnli_text_add(&t, "\xEF\xBF\xBD", 3);   /* U+FFFD */
  }
  return rnli_text_end(&t, status, out, nout);
}

/* }====================================================================== */

/* {== Line ends ========================================================== */

int rnl_text_lf (rnl_Context *ctx, const char *s, size_t n, char **out,
                 size_t *nout) {
  rnli_Text t = {.ctx = ctx};
  int status = rnli_text_room(&t, rnli_add(n, 1));
  while (status == RNL_OK && n > 0) {
    const char *cr = memchr(s, '\r', n);
    size_t k = cr ? (size_t)(cr - s) : n;   /* bytes before the CR */
    size_t next = cr ? k + 1 : k;
    if (cr && !(next < n && s[next] == '\n')) k = next;   /* it stays */
    status = rnli_text_add(&t, s, k);
    s += next;
    n -= next;
  }
  return rnli_text_end(&t, status, out, nout);
}

/* }====================================================================== */
