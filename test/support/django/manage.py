"""The entry of a Django project. It brings the database up to date first: every test begins with an empty one."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chat.settings")
# In the same process, because loading Django takes longer than both commands.
execute_from_command_line([sys.argv[0], "migrate", "--verbosity", "0"])
execute_from_command_line(sys.argv)
