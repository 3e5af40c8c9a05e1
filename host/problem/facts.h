/* Facts of a problem that decide which kernels suit it and how its buffers are laid out. */
#ifndef CLATTN_FACTS_H
#define CLATTN_FACTS_H

#include "clattn_inspect.h"

/* Query rows of all heads that share a KV head. */
size_t clattn_rows_of_kv_head(const clattn_problem *problem);

/* Whether a KV head has few query rows, as when a sequence is continued token by token. */
bool clattn_has_few_rows(const clattn_problem *problem);

/* Whether the keys and values of a head are more than a core's own caches hold, and its rows do not
 * follow each other in memory, because those of other heads lie between them. */
bool clattn_has_far_rows(const clattn_problem *problem);

/* Whether causality or a window hides keys from some queries. */
bool clattn_hides_keys(const clattn_problem *problem);

/* Whether a score is nothing but the scaled product: no softcap, mask or ALiBi. Causality and window
 * may still hide keys. */
bool clattn_has_plain_scores(const clattn_problem *problem);

/* Whether each row of q, k and v that attention reads begins at a multiple of so many elements and has a
 * multiple of them, so that kernels may read so many at once. */
bool clattn_has_rows_of(const clattn_problem *problem, size_t elements);

/* Whether kernels may multiply halves: math is CLATTN_MATH_STORED, and q, k and v are halves where a
 * fused kernel reads them. */
bool clattn_has_half_products(const clattn_problem *problem);

/* The same for a type, CLATTN_F16 or CLATTN_BF16. */
bool clattn_has_stored_products(const clattn_problem *problem, clattn_type type);

/* Whether the problem has projection matrices. */
bool clattn_has_weights(const clattn_problem *problem);

/* Whether kernels read the bounds of each sequence from a table: lengths differ, or there is a
 * cache. */
bool clattn_has_sequences(const clattn_problem *problem);

/* Whether fused kernels read q, k and v that were projected as f16 or bf16: math is CLATTN_MATH_STORED, and
 * nothing comes between the projections and the kernel, no rotary embedding and no cache. Of a plan's own
 * problem this is so only if its kernel multiplies what is stored (clattn_choose_kernels). */
bool clattn_stores_projections(const clattn_problem *problem);

/* Whether fused kernels read this tensor, q, k or v, as it is stored, in another type than float:
 * it is given, and no earlier stage changes it; or clattn_stores_projections(). Every other tensor is
 * converted to float first; so are new keys and values that go into a cache. */
bool clattn_fused_reads_stored(const clattn_problem *problem, clattn_tensor tensor);

/* The stage whose kernel can make the output in the problem's type: output, or fused where there is no
 * output projection. */
clattn_stage clattn_stage_of_output(const clattn_problem *problem);

/* Whether results of this stage are stored in another type than float: the output, or q, k and v
 * (clattn_stores_projections). A kernel may then store that type itself. */
bool clattn_makes_stored(const clattn_problem *problem, clattn_stage stage);

#endif
