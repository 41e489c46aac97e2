"""The product's settings, and what `breaking` puts into its processes. Nothing else knows of these faults."""

from certadmin.settings import *  # noqa: F403  all of them
from certadmin.settings import INSTALLED_APPS as OF_THE_PRODUCT

INSTALLED_APPS = [*OF_THE_PRODUCT, "tests.faults.breaking.Breaking"]
