"""Who may do what with alerts, beyond what every package asks for."""

import rules

from accounts.access import is_operator, is_vendor

rules.add_perm("answer_alerts", is_operator | is_vendor)
rules.add_perm("mute_alerts", is_operator)
rules.add_perm("set_alert_rules", is_operator)
