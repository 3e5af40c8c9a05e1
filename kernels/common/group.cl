/* Which work-group this is. A launch that would take long is cut into several (clattn_plan_options.launch_seconds),
 * each with an offset of its own: get_global_id() counts through all of them, get_group_id() begins at 0 in each. */
size_t group_id(uint dimension) {
  return get_global_offset(dimension) / get_local_size(dimension) + get_group_id(dimension);
}
