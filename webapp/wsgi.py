"""gunicorn's entry, several workers with Redis between them:

gunicorn -k gevent -w 3 -b 127.0.0.1:8000 webapp.wsgi:app
"""

from gevent import monkey

monkey.patch_all()

from config.settings import Settings  # noqa: E402
from webapp.app import create_app  # noqa: E402

app = create_app(Settings.from_env(), async_mode="gevent")
