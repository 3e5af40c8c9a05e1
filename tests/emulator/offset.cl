/* As drivers do: libclc's own leaves the launch's offset out, which launches in pieces need. It is not in
 * compilers/nvidia.cl because it would change the figures that are recorded there. */
__attribute__((overloadable, always_inline)) size_t get_global_id(uint dimension) {
  return get_group_id(dimension) * get_local_size(dimension) + get_local_id(dimension) + get_global_offset(dimension);
}
