/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/csum.h"

uint64_t csum_bytes(const uint8_t *data, size_t length)
{
	uint64_t sum = 0;

	for (; length >= 2; data += 2, length -= 2)
		sum += load_be16(data).raw;
	if (length != 0) {
		const uint8_t last[2] = {*data, 0};
		sum += load_be16(last).raw;
	}
	return sum;
}
