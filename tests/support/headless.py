"""A Python program whose main thread ends while another one goes on, as after pthread_exit."""

import platform

_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]
GO_ON_WITHOUT_MAIN_THREAD = f"""
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).syscall({_EXIT}, 0)
"""
