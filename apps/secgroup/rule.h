/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/**
 * Compiles one rule of the security group that is being compiled.
 *
 * @param id by which the rule is named in problems and traces
 * @return false: the rule cannot be; a problem says why
 */
bool rule_compile(struct df_compile *c, const Df__SecurityGroupRule *rule, const char *id,
                  struct df_security_group_rule *compiled);
