"""books that are asked for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'b50e71f3a9d4'
down_revision = 'f27d90c4e8b1'
branch_labels = None
depends_on = None

SOURCES = ('file', 'spooled'), ('file', 'spooled', 'asked')  # before and after; for the CHECK


def _words(words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name='source', native_enum=False, create_constraint=True, length=32)


def _allow(new: int) -> None:
    """Batch mode on SQLite makes the table anew, with the CHECK of the new type; PostgreSQL is told in so many words."""
    for table in ('booked_call', 'recovery'):
        if op.get_bind().dialect.name == 'sqlite':
            with op.batch_alter_table(table, schema=None) as batch_op:
                batch_op.alter_column(
                    'source', existing_type=_words(SOURCES[1 - new]), type_=_words(SOURCES[new]), existing_nullable=False
                )
        else:
            op.drop_constraint(op.f(f'ck_{table}_source'), table, type_='check')
            op.create_check_constraint(op.f(f'ck_{table}_source'), table, sa.column('source').in_(SOURCES[new]))


def upgrade() -> None:
    _allow(1)


def downgrade() -> None:
    for table in ('booked_call', 'recovery'):
        op.execute(f"UPDATE {table} SET source = 'spooled' WHERE source = 'asked'")
    _allow(0)
