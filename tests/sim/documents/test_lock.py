import subprocess
import sys

from sim.documents.lock import lock

HOLD = (
    "import sys, time; from sim.documents.lock import lock\nfile = open(sys.argv[1], 'ab')\nprint(lock(file.fileno()), flush=True)"
    "\ntime.sleep(600)"
)


def test_a_lock_is_one_processs_until_it_ends(tmp_path):
    path = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        with path.open("ab") as file:
            assert not lock(file.fileno())
            holder.kill()
            holder.wait()
            assert lock(file.fileno())
