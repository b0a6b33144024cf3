"""Celery's entry: `celery -A webapp.worker worker` and `celery -A webapp.worker beat`."""

from config.settings import Settings
from webapp.app import create_app
from webapp.jobs import celery

flask_app = create_app(Settings.from_env())
app = celery
