from tests.asterisk import _running_asterisk, asterisk, asterisk_installation, start_asterisk

__all__ = ["_running_asterisk", "asterisk", "asterisk_installation", "start_asterisk"]
