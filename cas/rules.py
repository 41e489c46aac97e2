"""Who may do what with authorities, beyond what every package asks for."""

import rules

from accounts.access import is_operator

rules.add_perm("review_authorities", is_operator)
rules.add_perm("operate_authorities", is_operator)
