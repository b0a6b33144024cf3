"""customer first"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '6b0d93e5c7f2'
down_revision = 'd1f7a3b8e624'
branch_labels = None
depends_on = None

FIRST = sa.Enum('agent', 'customer', name='first', native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rings_first', FIRST, nullable=False, server_default='agent'))
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.alter_column('rings_first', server_default=None)
    for table in ('calling_rule', 'user'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('rings_first', FIRST, nullable=True))
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reserved_until', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('reserved_until')
    for table in ('user', 'calling_rule', 'call'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(f'ck_{table}_first'), type_='check')
            batch_op.drop_column('rings_first')
