/* Four contiguous floats of global memory at a time, with one instruction where they lie on 16 bytes. */
int lies_on_16_bytes(global const float *at) {
  return ((size_t)at & 15) == 0;
}

/* Four contiguous floats. Only the first `left` of them exist; the others are 0. */
float4 load4(global const float *from, int left) {
  if (left >= 4 && lies_on_16_bytes(from)) return *(global const float4 *)from;
  float4 four = 0.0f;
  if (left > 0) four.x = from[0];
  if (left > 1) four.y = from[1];
  if (left > 2) four.z = from[2];
  if (left > 3) four.w = from[3];
  return four;
}

/* Stores the first `left` of four contiguous floats. */
void store4(float4 four, int left, global float *to) {
  if (left >= 4 && lies_on_16_bytes(to)) {
    *(global float4 *)to = four;
    return;
  }
  if (left > 0) to[0] = four.x;
  if (left > 1) to[1] = four.y;
  if (left > 2) to[2] = four.z;
  if (left > 3) to[3] = four.w;
}
