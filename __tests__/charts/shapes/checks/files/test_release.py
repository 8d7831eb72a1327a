import json
import os
import socket
import urllib.request

RELEASE = os.environ["RELEASE"]


def test_the_page_answers_under_the_name_of_its_service():
    assert urllib.request.urlopen(f"http://{RELEASE}-ui/", timeout=10).status == 200


def test_the_database_listens():
    socket.create_connection((f"{RELEASE}-postgresql", 5432), 10).close()


def test_each_queue_has_a_worker():
    assert json.loads(os.environ["QUEUES"]) == ["fast", "slow"]
