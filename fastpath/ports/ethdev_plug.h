/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Hot plug of DPDK devices by device arguments. Each ethdev has one owner: a device that a port has is never given to
 * another. Control thread.
 */

/**
 * Finds or probes the device and takes possession of its ethdev.
 *
 * @param id of the ethdev
 * @return 0, -ENODEV (no such device or driver, or the driver refused it), -EBUSY (another port has it), -E2BIG (no
 *         ethdev slot left), -EACCES, -ENOMEM
 */
int df_ethdev_plug(const char *devargs, uint16_t *id);

/** Stops, closes and removes it, so that the same device arguments can be plugged again. */
void df_ethdev_unplug(uint16_t id);
