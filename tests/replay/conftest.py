# SPDX-License-Identifier: BSD-2-Clause
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
