import platform
from importlib.metadata import version

packages = ["celery", "kombu", "redis", "gevent", "fastapi", "uvicorn", "uvloop"]
named = [f"{package} {version(package)}" for package in packages]
print(", ".join([f"Python {platform.python_version()}", *named]))
