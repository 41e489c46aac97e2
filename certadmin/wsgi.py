"""The WSGI application that the web server loads."""

import os

from django.core.wsgi import get_wsgi_application

from cas.ocsp_memory import in_front_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")
application = in_front_of(get_wsgi_application())
