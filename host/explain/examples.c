/* The four examples. Each is a set of tables that a reader can multiply by hand: every row and
 * column has a name, every number a reason. They are written, not trained: the columns of a
 * trained model have no names.
 *
 * How to read them: a row of x says what a token is. Wq turns it into what the token asks for,
 * Wk into what it offers to those who ask, Wv into what it hands over. Column c of Wq and column
 * c of Wk are about the same thing: a query that asks 3 for it and a key that offers 2 of it add
 * 3 x 2 = 6 to the score. / */
#include "explain/examples.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The names count the rows and columns. A table of another size does not compile. */
#define CHECK_TABLES(prefix)                                                                                           \
  _Static_assert(COUNT(prefix##_x) == COUNT(prefix##_tokens) * COUNT(prefix##_features), "size of x");                 \
  _Static_assert(COUNT(prefix##_wq) == COUNT(prefix##_features) * COUNT(prefix##_key_features), "size of wq");         \
  _Static_assert(COUNT(prefix##_wk) == COUNT(prefix##_features) * COUNT(prefix##_key_features), "size of wk");         \
  _Static_assert(COUNT(prefix##_wv) == COUNT(prefix##_features) * COUNT(prefix##_value_features), "size of wv")

#define TABLES(prefix)                                                                                                 \
  .tokens = prefix##_tokens, .token_count = COUNT(prefix##_tokens), .model_dim = COUNT(prefix##_features),             \
  .key_columns = COUNT(prefix##_key_features), .value_columns = COUNT(prefix##_value_features), .x = prefix##_x,       \
  .wq = prefix##_wq, .wk = prefix##_wk, .wv = prefix##_wv, .features = prefix##_features,                              \
  .key_features = prefix##_key_features, .value_features = prefix##_value_features

/* clang-format off */

/* ---- please study man ---------------------------------------------------------------------------------------------
 *
 * The article's own numbers. It does not name its columns, so they are numbered here. Queries and values are the
 * embeddings themselves (Wq = Wv = I); only Wk does something: it adds the first column of a token to its second.
 */
static const char *const please_tokens[] = {"please", "study", "man"};
static const char *const please_features[] = {"x0", "x1"};
static const char *const please_key_features[] = {"d0", "d1"};
static const char *const please_value_features[] = {"v0", "v1"};

static const float please_x[] = {
    /*           x0 x1 */
    /* please */ 1, 0,
    /* study  */ 0, 2,
    /* man    */ 1, 1};

static const float please_wq[] = {
    /*       d0 d1 */
    /* x0 */ 1, 0,
    /* x1 */ 0, 1};

static const float please_wk[] = {
    /*       d0 d1 */
    /* x0 */ 1, 1,
    /* x1 */ 0, 1};

static const float please_wv[] = {
    /*       v0 v1 */
    /* x0 */ 1, 0,
    /* x1 */ 0, 1};

CHECK_TABLES(please);

/* ---- the dog chased the ball because it was excited ---------------------------------------------------------------
 *
 * Six input columns, four for queries and keys, three for values: the three numbers need not be equal. With
 * head_dim 4 the scale is 1 / sqrt(4) = 1/2, which keeps scaled scores readable.
 */
static const char *const dog_tokens[] = {"The", "dog", "chased", "the", "ball", "because", "it", "was", "excited"};
static const char *const dog_features[] = {"animate", "thing", "action", "pronoun", "feeling", "function"};
static const char *const dog_key_features[] = {"animate", "thing", "action", "feeling"};
static const char *const dog_value_features[] = {"being", "object", "event"};

/* A token has a feature or does not. *it* has two: it is a pronoun, and it feels something. The
 * second is not in the word: an earlier layer has taken it from *was excited*. Without it
 * nothing here could prefer the dog. */
static const float dog_x[] = {
    /*            animate thing action pronoun feeling function */
    /* The     */ 0,      0,    0,     0,      0,      1,
    /* dog     */ 1,      0,    0,     0,      0,      0,
    /* chased  */ 0,      0,    1,     0,      0,      0,
    /* the     */ 0,      0,    0,     0,      0,      1,
    /* ball    */ 0,      1,    0,     0,      0,      0,
    /* because */ 0,      0,    0,     0,      0,      1,
    /* it      */ 0,      0,    0,     1,      1,      0,
    /* was     */ 0,      0,    0,     0,      0,      1,
    /* excited */ 0,      0,    0,     0,      1,      0};

/* What is asked for. *it* adds two rows, pronoun + feeling = animate 3, thing 1.5:
 *
 *   q(it).k(dog)  = animate 3 x 2   = 6, scaled 3
 *   q(it).k(ball) = thing   1.5 x 2 = 3, scaled 1.5      all others 0
 *
 * Function words ask for nothing: all their scores are 0 and softmax spreads them evenly, 1/9 to each token. */
static const float dog_wq[] = {
    /*             animate thing action feeling */
    /* animate  */ 0,      0,    2,     1,     /* what does it do, what does it feel? */
    /* thing    */ 0,      0,    2,     0,     /* what is done with it? */
    /* action   */ 2,      2,    0,     0,     /* who does it, and to what? */
    /* pronoun  */ 1,      1.5f, 0,     0,     /* stands for a noun; *it* more often for a thing than for a being */
    /* feeling  */ 2,      0,    0,     0,     /* who can feel it? someone animate: this decides for the dog */
    /* function */ 0,      0,    0,     0};

/* What is offered: each content word offers its kind, 2 to tell it from the 1 in x. A pronoun
 * offers nothing, which keeps *it* from answering itself. */
static const float dog_wk[] = {
    /*             animate thing action feeling */
    /* animate  */ 2,      0,    0,     0,
    /* thing    */ 0,      2,    0,     0,
    /* action   */ 0,      0,    2,     0,
    /* pronoun  */ 0,      0,    0,     0,
    /* feeling  */ 0,      0,    0,     2,
    /* function */ 0,      0,    0,     0};

/* What is handed over, with column names of its own. It does not reach the scores: change it,
 * and the weights stay. */
static const float dog_wv[] = {
    /*             being object event */
    /* animate  */ 2,    0,     0,
    /* thing    */ 0,    2,     0,
    /* action   */ 0,    0,     2,
    /* pronoun  */ 0,    0,     0,
    /* feeling  */ 0,    0,     1,
    /* function */ 0,    0,     0};

CHECK_TABLES(dog);

/* ---- the cat sat down ---------------------------------------------------------------------------------------------
 *
 * Positions are added to x. For position p and 8 columns they are
 *
 *   column   0       1       2          3          4     5    6     7
 *            sin p   cos p   sin p/10   cos p/10   ...p/100   ...p/1000
 *
 * and for p = 0 ... 3 only columns 0 and 1 vary much, so the words leave these two to the position. Columns 4 and 6
 * stay within 0.03 of the word; column 2 gains up to 0.3, column 3 loses up to 0.05; columns 3, 5 and 7 gain about 1
 * for every token. A key that reads such a constant raises all scores of a row by the same amount, which softmax
 * cancels. A query that read it would ask for something on behalf of every token, so none does. The words are 2, not
 * 1, so that the positions do not drown them.
 */
static const char *const cat_tokens[] = {"the", "cat", "sat", "down"};
static const char *const cat_features[] = {"sin(p)", "cos(p)", "particle", "animate",
                                           "noun",   "past",   "verb",     "article"};
static const char *const cat_key_features[] = {"doer",   "animate", "deed",     "article",  /* head 0 of two */
                                               "sin(p)", "cos(p)",  "particle", "verb"};    /* head 1 of two */
static const char *const cat_value_features[] = {"who",   "living", "deed",   "which",      /* head 0 of two */
                                                 "where", "past",   "sin(p)", "cos(p)"};    /* head 1 of two */

static const float cat_x[] = {
    /*         sin(p) cos(p) particle animate noun past verb article */
    /* the  */ 0,     0,     0,       0,      0,   0,   0,   2,
    /* cat  */ 0,     0,     0,       2,      2,   0,   0,   0,
    /* sat  */ 0,     0,     0,       0,      0,   2,   2,   0,
    /* down */ 0,     0,     2,       0,      0,   0,   0,   0};

/* Q = X.W^T: each row here makes a column of Q, and says from which features.
 *
 * Two heads split the rows in the middle, and each half asks its own question. Head 0 asks who: the verb looks for its
 * subject, the noun for its verb and its article. Head 1 asks what goes with it: the verb looks for a particle, the
 * particle for its verb, and each token for the one after it. The rows sin(p) and cos(p) turn the pair by one position,
 *
 *   sin(p + 1) = sin p cos 1 + cos p sin 1,   cos(p + 1) = cos p cos 1 - sin p sin 1,   cos 1 = 0.54, sin 1 = 0.84
 *
 * so that the product with a key that is not turned is about cos(p + 1 - p'): 1 at the next position and less
 * elsewhere. With one head all of this is asked at once, and attention is divided. */
static const float cat_wq[] = {
    /*             sin(p)  cos(p) particle animate noun  past verb  article */
    /* doer     */ 0,      0,     0,       0,      0,    0,   1.5f, 0,
    /* animate  */ 0,      0,     0,       0,      0,    0,   0.5f, 0, /* sitting is done by the living */
    /* deed     */ 0,      0,     0,       0,      1,    0,   0,    0,
    /* article  */ 0,      0,     0,       0,      0.5f, 0,   0,    0,

    /* sin(p)   */ 0.54f,  0.84f, 0,       0,      0,    0,   0,    0,
    /* cos(p)   */ -0.84f, 0.54f, 0,       0,      0,    0,   0,    0,
    /* particle */ 0,      0,     0,       0,      0,    0,   1,    0,
    /* verb     */ 0,      0,     1,       0,      0,    0,   0,    0};

/* Each feature offers itself; animate counts half: being the noun matters more than being alive.
 *
 *   q(sat).k(cat), head 0:  doer 3 x 2 + animate 1 x 1.5 = 7.5      q(sat).k(down), head 1:  particle 2 x 2.3 = 4.6,
 *   where animate is 0.5 x (2 + 1), the 1 from the position         and 1 for being the next token
 *
 * With one head the same products meet in one sum: cat 7.3, down 6.2, sat 1.9, the -0.5. */
static const float cat_wk[] = {
    /*             sin(p)  cos(p) particle animate noun  past verb  article */
    /* doer     */ 0,      0,     0,       0,      1,    0,   0,    0,
    /* animate  */ 0,      0,     0,       0.5f,   0,    0,   0,    0,
    /* deed     */ 0,      0,     0,       0,      0,    0,   1,    0,
    /* article  */ 0,      0,     0,       0,      0,    0,   0,    1,

    /* sin(p)   */ 1,      0,     0,       0,      0,    0,   0,    0,
    /* cos(p)   */ 0,      1,     0,       0,      0,    0,   0,    0,
    /* particle */ 0,      0,     1,       0,      0,    0,   0,    0,
    /* verb     */ 0,      0,     0,       0,      0,    0,   1,    0};

/* Head 0 hands over who and what, head 1 where and when. Values too are made from x plus
 * positions: living, past and which are about 1 for tokens that have none of them. */
static const float cat_wv[] = {
    /*             sin(p)  cos(p) particle animate noun  past verb  article */
    /* who      */ 0,      0,     0,       0,      1,    0,   0,    0,
    /* living   */ 0,      0,     0,       1,      0,    0,   0,    0,
    /* deed     */ 0,      0,     0,       0,      0,    0,   1,    0,
    /* which    */ 0,      0,     0,       0,      0,    0,   0,    1,

    /* where    */ 0,      0,     1,       0,      0,    0,   0,    0,
    /* past     */ 0,      0,     0,       0,      0,    1,   0,    0,
    /* sin(p)   */ 1,      0,     0,       0,      0,    0,   0,    0,
    /* cos(p)   */ 0,      1,     0,       0,      0,    0,   0,    0};

CHECK_TABLES(cat);

/* ---- love Apple phones --------------------------------------------------------------------------------------------
 *
 * *Apple* is two things at once, and asks its neighbours which: is this about food or about devices?
 */
static const char *const apple_tokens[] = {"love", "Apple", "phones"};
static const char *const apple_features[] = {"fruit", "company", "device", "feeling"};
static const char *const apple_key_features[] = {"food", "device", "maker", "feeling"};
static const char *const apple_value_features[] = {"tech", "sweet", "warmth"};

/* *love* and *phones* mean one thing each and have 2 of it; *Apple* means two and has 1 of each. */
static const float apple_x[] = {
    /*           fruit company device feeling */
    /* love   */ 0,    0,      0,     2,
    /* Apple  */ 1,    1,      0,     0,
    /* phones */ 0,    0,      2,     0};

/* *Apple* adds the first two rows, and asks for food 2 and device 2. The keys below answer
 *
 *   love 0    Apple food 2 x 1 = 2    phones device 2 x 2 = 4      with head_dim 4 scaled by 1/2:  0   1   2
 *
 * and softmax turns 0, 1, 2 into the shares 1 : e : e^2, which are 9 %, 24 % and 67 %. */
static const float apple_wq[] = {
    /*            food  device maker feeling */
    /* fruit   */ 2,    0,     0,    0,
    /* company */ 0,    2,     0,    0,     /* is there anything that a company makes? */
    /* device  */ 0,    0,     1.5f, 0.5f,  /* who made it? and a little: who likes it? */
    /* feeling */ 0.5f, 0.5f,  0,    0};    /* what is liked: something to eat, something to use? */

/* A company offers itself as a maker, not as a device: *Apple* answers itself only in its first
 * sense. The second sense wins because of *phones*. */
static const float apple_wk[] = {
    /*            food  device maker feeling */
    /* fruit   */ 1,    0,     0,    0,
    /* company */ 0,    0,     1,    0,
    /* device  */ 0,    1,     0,    0,
    /* feeling */ 0,    0,     0,    1};

/* The result is neither a key nor a token. The value of *Apple* itself is tech 1, sweet 1; its
 * context is tech 1.58, sweet 0.24: next to *phones* it is the company. */
static const float apple_wv[] = {
    /*            tech sweet warmth */
    /* fruit   */ 0,   1,    0,
    /* company */ 1,   0,    0,
    /* device  */ 1,   0,    0,
    /* feeling */ 0,   0,    1};

CHECK_TABLES(apple);

/* clang-format on */

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const example examples[] = {
    {.name = "please-study-man",
     .article = "The Database Analogy",
     .where = "omkarchebale.vercel.app/blogs/query-key-value-the-database-analogy-that-makes-self-attention-click",
     .question = "Does \"man\" need \"study\" more than \"please\"?",
     .answer = "No: it gives both the same weight, 0.248255, and itself the most, 0.503490.",
     .note = "The article prints K(man) = [2, 1], V(study) = [2, 2] and V(man) = [2, 1]; "
             "its own matrices give [1, 2], [0, 2] and [1, 1].",
     .focus = 2,
     .asked = {1, 0},
     .heads = 1,
     .layout = CLATTN_LAYOUT_XW,
     TABLES(please)},
    {.name = "dog-chased-ball",
     .article = "Query, Key, Values",
     .where = "www.anup.io/query-key-values/",
     .question = "Who is \"it\", the dog or the ball?",
     .answer =
         "The dog, 64 % to 14 %: \"it\" asks for something animate, and the key of \"dog\" offers that, 3 x 2 = 6.",
     .focus = 6,
     .asked = {1, 4},
     .heads = 1,
     .layout = CLATTN_LAYOUT_XW,
     TABLES(dog)},
    {.name = "cat-sat-down",
     .article = "Query, Key & Value Projections",
     .question = "Which keys answer the query of \"sat\"?",
     .answer = "Its subject, \"cat\", and then \"down\"; of two heads the first finds \"cat\", the second \"down\".",
     .focus = 2,
     .asked = {1, 3},
     .heads = 1,
     .layout = CLATTN_LAYOUT_XWT,
     .sinusoidal_positions = true,
     TABLES(cat)},
    {.name = "love-apple-phones",
     .article = "Query, Key, and Value in Self-Attention",
     .where = "Transformers in Deep Learning, part 4, "
              "maths-a-way-to-express.pages.dev/query-key-value-in-self-attention-the-deep-dive",
     .question = "Which of the three words tells \"Apple\" what it means?",
     .answer = "\"phones\", with 67 %; \"Apple\" keeps 24 % of itself, and \"love\" adds 9 %.",
     .focus = 1,
     .asked = {2, 1},
     .heads = 1,
     .layout = CLATTN_LAYOUT_XW,
     TABLES(apple)},
};

const char *clattn_example_source(const example *e, char text[EXAMPLE_SOURCE]) {
  snprintf(text, EXAMPLE_SOURCE, "\"%s\"%s%s", e->article, e->where != NULL ? ", " : "",
           e->where != NULL ? e->where : "");
  return text;
}

size_t clattn_example_count(void) {
  return COUNT(examples);
}

const example *clattn_example_at(size_t index) {
  return index < COUNT(examples) ? &examples[index] : NULL;
}

const example *clattn_example_find(const char *name) {
  for (size_t i = 0; i < COUNT(examples); ++i)
    if (strcmp(examples[i].name, name) == 0) return &examples[i];
  return NULL;
}
